import t from 'tap'
import { suggest } from '../../../gateway/cli/suggest.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { readUse } from '../../../gateway/policy/load.ts'
import { readPreset } from '../../../gateway/policy/presets/preset.ts'
import { outcome } from './outcome.ts'

const http = { v: 1, layer: 'http', port: 443, method: 'GET', verdict: 'observe', reason: 'no-rule', inspected: true }

function log(...lines: readonly object[]): string {
  return lines.map(line => `${JSON.stringify(line)}\n`).join('')
}

t.test('suggest: several logs, a file and a folder, become one policy', async t => {
  const cwd = t.testdir({
    'a.ndjson': log({ ...http, host: 'a.test', path: '/x', bytesReceived: 1_000, process: { exe: '/usr/bin/npm' } }),
    out: { 'egress.ndjson': log({ ...http, host: 'b.test', path: '/y', method: 'POST' }) },
  })
  const { stdout, stderr, exitCode } = await outcome(suggest, ['a.ndjson', 'out'], { cwd })
  t.equal(exitCode, 0)
  t.equal(stderr, '')
  t.equal(parsePolicy(stdout, 'suggested', readUse).mode, 'block')
  t.match(
    stdout,
    '  - GET https://a.test/x # 1 request by npm, 1 kB in, 0 B out\n  - POST https://b.test/y # 1 request',
  )
})

t.test('suggest: --json says the same', async t => {
  const cwd = t.testdir({ 'a.ndjson': log({ ...http, host: 'a.test', path: '/x', process: { exe: '/usr/bin/npm' } }) })
  const { stdout } = await outcome(suggest, ['a.ndjson', '--json', '--mode', 'audit'], { cwd })
  t.match(JSON.parse(stdout), {
    version: 1,
    mode: 'audit',
    rules: [{ rule: 'GET https://a.test/x', evidence: { count: 1, programs: { npm: 1 } } }],
  })
})

t.test('suggest: a host of the known-exfiltration preset is held back, with the rule that names it', async t => {
  const forbidden = /to: '\*\*\.([a-z0-9.-]+)'/.exec(readPreset('known-exfiltration')?.text ?? '')?.[1]
  t.ok(forbidden)
  const cwd = t.testdir({ 'a.ndjson': log({ ...http, host: `x.${forbidden}`, path: '/x' }) })
  const { stdout } = await outcome(suggest, ['a.ndjson'], { cwd })
  t.match(stdout, 'allow: []')
  t.match(stdout, /# Held back: the host is known for exfiltration/)
})

t.test('suggest: an empty log is a policy that allows nothing, and says so', async t => {
  const { stdout, stderr } = await outcome(suggest, ['a.ndjson'], { cwd: t.testdir({ 'a.ndjson': '' }) })
  t.match(stdout, 'allow: []')
  t.match(stderr, /empty/)
})

t.test('suggest: fails with LOG_INVALID naming file and line, when a line is broken', async t => {
  const cwd = t.testdir({ 'a.ndjson': `${log({ ...http, host: 'a.test', path: '/' })}{"v":1,` })
  const { stdout, error } = await outcome(suggest, ['a.ndjson'], { cwd })
  t.match(error, { code: 'LOG_INVALID', message: /^a\.ndjson:2: / })
  t.equal(stdout, '')
})

const faults: readonly [readonly string[], string][] = [
  [[], 'USAGE'],
  [['a.ndjson', '--mode', 'off'], 'USAGE'],
  [['--what'], 'USAGE'],
  [['missing.ndjson'], 'LOG_INVALID'],
]
for (const [args, code] of faults) {
  t.test(`suggest: fails with ${code}, for '${args.join(' ')}'`, async t => {
    const { error } = await outcome(suggest, args, { cwd: t.testdir({ 'a.ndjson': '' }) })
    t.equal(error?.code, code)
  })
}
