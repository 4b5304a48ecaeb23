import t from 'tap'
import { run, runOrThrow, startProgram } from '../../../gateway/packet/run.ts'
import { once } from 'node:events'

const signal = new AbortController().signal

t.test('run(): passes input and arguments as they are, and nothing of our environment', async t => {
  process.env['TIDEGATE_TEST_SECRET'] = 'x'
  const { exitCode, stdout } = await run('sh', ['-c', 'cat; echo "$1"; env', 'sh', '$(id) "'], {
    input: 'in\n',
    signal,
  })
  t.equal(exitCode, 0)
  t.match(stdout, 'in\n$(id) "\n')
  t.notMatch(stdout, 'TIDEGATE_TEST_SECRET')
})

t.test('run(): a failure is a value: exit code, missing program, time limit, too much output, abort', async t => {
  t.match(await run('sh', ['-c', 'echo why >&2; exit 3'], { signal }), { exitCode: 3, stderr: 'why\n' })
  t.match(await run('tidegate-no-such-program', [], { signal }), { exitCode: undefined, stderr: /ENOENT/ })
  t.match(await run('sleep', ['5'], { signal, timeoutMs: 20 }), { exitCode: undefined, stderr: /timed out/ })
  t.match(await run('sh', ['-c', 'yes'], { signal }), { exitCode: undefined })
  t.match(await run('sleep', ['5'], { signal: AbortSignal.timeout(20) }), { exitCode: undefined })
})

t.test('runOrThrow(): the code of the caller, with what the program said', async t => {
  const failing = runOrThrow(run, 'NFT_REJECTED', 'sh', ['-c', 'echo first >&2; echo second >&2; exit 1'], { signal })
  await t.rejects(failing, {
    code: 'NFT_REJECTED',
    message: 'sh failed: first',
    details: { exitCode: 1, stderr: 'first\nsecond' },
  })
  t.equal(await runOrThrow(run, 'NFT_REJECTED', 'echo', ['yes'], { signal }), 'yes\n')
})

t.test('startProgram(): starts in / with the environment it is given and nothing of ours', async t => {
  process.env['TIDEGATE_TEST_SECRET'] = 'x'
  const child = startProgram('/bin/sh', ['-c', 'pwd; env'], { env: { A: 'b' }, stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout?.on('data', (data: Buffer) => chunks.push(data))
  await once(child, 'close')
  const said = Buffer.concat(chunks).toString()
  t.match(said, /^\/\n/)
  t.match(said, /^A=b$/m)
  t.notMatch(said, 'TIDEGATE_TEST_SECRET')
})
