import t from 'tap'
import { parseRunArguments } from '../../../gateway/cli/run-arguments.ts'

t.test('parseRunArguments(): paths are those of the folder, the job is called as its command', async t => {
  t.match(parseRunArguments(['--policy', 'p.yaml', '--out', '/out', '--', './build me.sh', '--out', 'x'], '/work'), {
    policyFile: '/work/p.yaml',
    out: '/out',
    job: 'build-me.sh',
    failOnDeny: false,
    command: ['./build me.sh', '--out', 'x'],
  })
})

t.test('parseRunArguments(): an address for metrics is an address', async t => {
  const metricsAt = (text: string) => parseRunArguments(['--metrics', text, '--', 'true'], '/').metrics
  t.strictSame(metricsAt('127.0.0.1:9090'), { address: '127.0.0.1', port: 9090 })
  t.strictSame(metricsAt('[::1]:0'), { address: '::1', port: 0 })
  for (const text of [
    '999.1.1.1:1',
    '1.2:80',
    '[::g]:1',
    '[:]:1',
    '127.0.0.1',
    '127.0.0.1:65536',
    'localhost:80',
    ':80',
  ]) {
    t.throws(() => metricsAt(text), { code: 'USAGE' }, text)
  }
})

t.test('parseRunArguments(): a baseline is of the folder, and told as it was given', async t => {
  const lockOf = (...args: readonly string[]) => parseRunArguments([...args, '--', 'make'], '/work').lock
  t.equal(lockOf(), undefined)
  t.strictSame(lockOf('--lock', 'ci/x.lock'), { file: '/work/ci/x.lock', shown: 'ci/x.lock', frozen: false })
  t.match(lockOf('--frozen', '--lock', '/x.lock'), { file: '/x.lock', frozen: true })
})

t.test('parseRunArguments(): what cannot be meant is USAGE', async t => {
  const wrong: readonly (readonly [sentence: string, args: readonly string[]])[] = [
    ['no command', []],
    ['no command behind the mark', ['--']],
    ['an empty command', ['--', '']],
    ['a command without the mark', ['make']],
    ['an unknown option', ['--nope', '--', 'make']],
    ['an option without its value', ['--policy', '--', 'make']],
    ['an empty folder, as of a variable that is not set', ['--out', '', '--', 'make']],
    ['an empty baseline', ['--lock', '', '--', 'make']],
    ['nothing that could be frozen', ['--frozen', '--', 'make']],
    ['an empty policy', ['--policy=', '--', 'make']],
    ['a mode that there is not', ['--mode', 'log', '--', 'make']],
    ['a job whose name would be a path', ['--job', '../x', '--', 'make']],
  ]
  for (const [sentence, args] of wrong) t.throws(() => parseRunArguments(args, '/'), { code: 'USAGE' }, sentence)
})
