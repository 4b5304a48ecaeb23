import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { program } from '../../../gateway/cli/program.ts'
import { zeroHash } from '../../../gateway/record/line.ts'
import { sealLine } from '../../../gateway/record/seal.ts'
import { sampleJob } from '../record/sample-job.ts'
import { writeLog } from '../record/write-log.ts'
import { captureIo } from './capture-io.ts'

const whole = await writeLog(sampleJob())

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = captureIo()
  return { code: await program(args, io), out: io.out(), err: io.err() }
}

async function logIn(t: Test, text = whole): Promise<string> {
  const path = join(t.testdir(), 'egress.ndjson')
  await writeFile(path, text)
  return path
}

await t.test('verify: exits 0 and prints the head, when the log is whole', async t => {
  const path = await logIn(t)
  const { code, out } = await run('verify', path)
  t.equal(code, 0)
  const head = /^head ([0-9a-f]{64})$/m.exec(out)?.[1] ?? ''
  t.match(await run('verify', '--head', head.toUpperCase(), path), { code: 0 })
  t.match(await run('verify', '--head', '0'.repeat(64), path), { code: 1, err: head })
})

await t.test('verify: exits 1 and names the line, when one was changed', async t => {
  const { code, err } = await run('verify', await logIn(t, whole.replace('/pkg-1', '/pkg-9')))
  t.equal(code, 1)
  t.match(err, 'line 3 was changed')
})

await t.test('verify: exits 1 and says where it was cut, when the seal is missing', async t => {
  const path = await logIn(t)
  await truncate(path, whole.length - 20)
  const { code, err } = await run('verify', path)
  t.equal(code, 1)
  t.match(err, /intact so far, but not sealed: line \d+ is cut short/)
})

await t.test('verify: exits 1, when a line is longer than any of ours', async t => {
  const path = await logIn(t)
  await appendFile(path, 'x'.repeat(1_100_000))
  t.match(await run('verify', path), { code: 1 })
})

await t.test('verify: exits 2, when the log cannot be read or the arguments are wrong', async t => {
  t.match(await run('verify', join(t.testdir(), 'none')), {
    code: 2,
    err: /cannot be read: there is no such file \(LOG_INVALID\)\n$/,
  })
  t.match(await run('verify', t.testdir()), { code: 2 })
  t.match(await run('verify'), { code: 2 })
  t.match(await run('verify', 'a', 'b'), { code: 2 })
  t.match(await run('verify', '--head', 'abc', 'a'), { code: 2 })
})

await t.test('report: renders every format, and exits 0, when the log is whole', async t => {
  const path = await logIn(t)
  const starts = {
    text: 'tidegate · job job',
    markdown: '## Tidegate: ',
    json: '{\n  "version": 1',
    html: '<!doctype html>',
  }
  for (const [format, start] of Object.entries(starts)) {
    const { code, out } = await run('report', '--format', format, path)
    t.equal(code, 0, format)
    t.ok(out.startsWith(start), format)
  }
})

await t.test('report: is made all the same and exits 1, when the log was changed or cut', async t => {
  t.match(await run('report', await logIn(t, whole.replace('/pkg-1', '/pkg-9'))), {
    code: 1,
    out: 'The log is BROKEN',
    err: 'line 3',
  })
  t.match(await run('report', await logIn(t, whole.slice(0, -9))), { code: 1, out: 'not sealed' })
})

await t.test('report: exits 2 and names the line, when a line is no line of a log', async t => {
  const { code, err } = await run('report', await logIn(t, whole.replace('"layer":"tcp"', '"layer":"tpc"')))
  t.equal(code, 2)
  t.match(err, /^tidegate: line 7 of the log cannot be used/)
})

await t.test('report: exits 2, when the format is unknown', async t => {
  t.match(await run('report', '--format', 'pdf', await logIn(t)), { code: 2, err: 'text, markdown, json, html' })
})

await t.test('report: what a forged log says is made safe again', async t => {
  const escapes = '\\u001b[2J\\u001b]0;owned\\n# owned'
  const log = await readFile(await logIn(t), 'latin1')
  const forgeries = [log.replace('/pkg-1', `/${escapes}`), log.replaceAll(/"job":"[^"]*"/g, `"job":"${escapes}"`)]
  for (const forged of forgeries) {
    t.not(forged, log)
    for (const format of ['text', 'markdown', 'html', 'json']) {
      const { out } = await run('report', '--format', format, await logIn(t, forged))
      t.notMatch(out, '\u001b')
      t.notMatch(out, /^# owned/m)
    }
  }
})

await t.test('verify: of the text of a forged seal it says nothing', async t => {
  const event = { layer: 'job', startedAt: 0, event: 'sealed', details: { lines: '\u001b[2Jowned' } } as const
  const { code, err } = await run('verify', await logIn(t, `${sealLine(event, 0, '"job"', zeroHash)}\n`))
  t.equal(code, 1)
  t.match(err, /the seal counts no lines, the log has 1\n$/)
})

await t.test('report, verify: a folder without a log is told by the file that is missing', async t => {
  for (const command of ['report', 'verify', 'suggest']) {
    t.match(await run(command, t.testdir({ empty: {} })), { code: 2, err: /egress\.ndjson cannot be read: / })
  }
})
