import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { renderCanaryFile } from '../../../gateway/canary/canary-file.ts'
import { makeDecoys } from '../../../gateway/canary/decoys.ts'
import { program } from '../../../gateway/cli/program.ts'
import { captureIo } from './capture-io.ts'

const seed = Buffer.alloc(32, 5)
const { environment } = makeDecoys(seed)
const token = environment['DEPLOY_GITHUB_TOKEN'] ?? ''

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = captureIo()
  return { code: await program(['scan-log', ...args], io), out: io.out(), err: io.err() }
}

t.test('scan-log: exits 1 and names each canary that is in the log, and never shows it', async t => {
  const dir = t.testdir({ 'canaries.json': renderCanaryFile('job', seed) })
  const log = `${dir}/build.log`
  const other = environment['DEPLOY_PASSWORD'] ?? ''
  writeFileSync(log, Buffer.concat([Buffer.from(`##[group]x\n${btoa(btoa(token))}\n`), gzipSync(Buffer.from(other))]))
  const { code, out } = await run(log)
  t.equal(code, 1)
  t.match(out, /^GitHub token of DEPLOY_GITHUB_TOKEN: base64 twice$/m)
  t.match(out, /^password of DEPLOY_PASSWORD: as it is, packed$/m)
  t.notOk(out.includes(token) || out.includes(other))
})

t.test('scan-log: exits 0 when there is none, also of another job', async t => {
  const dir = t.testdir({
    'build.log': `${token}\n`,
    'empty.log': '',
    'c.json': renderCanaryFile('other', Buffer.alloc(32)),
  })
  t.match(await run('--canaries', `${dir}/c.json`, `${dir}/build.log`), {
    code: 0,
    out: 'none of the canaries of job other',
  })
  t.match(await run('--canaries', `${dir}/c.json`, `${dir}/empty.log`), { code: 0 })
})

t.test('scan-log: exits 2 with one line, when a file cannot be read or is another', async t => {
  const dir = t.testdir({
    'build.log': '',
    'a.json': '{',
    'b.json': '{"version":1,"job":"x"}',
    'c.json': renderCanaryFile('j', seed),
  })
  const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [[`${dir}/build.log`], /canaries\.json: there is no such file/],
    [['--canaries', `${dir}/a.json`, `${dir}/build.log`], /is no JSON/],
    [['--canaries', `${dir}/b.json`, `${dir}/build.log`], /is not the canaries of a job: seed/],
    [['--canaries', `${dir}/c.json`, `${dir}/none`], /none: there is no such file/],
    [['--canaries', `${dir}/c.json`, dir], /it is a folder/],
    [[], /give one log/],
    [['a', 'b'], /give one log/],
  ]
  for (const [args, says] of cases) {
    const { code, err } = await run(...args)
    t.equal(code, 2, err)
    t.match(err.split('\n')[0], says)
  }
})
