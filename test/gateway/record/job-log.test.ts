import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobLog, type JobLogOptions } from '../../../gateway/record/job-log.ts'
import { checkText } from './check-text.ts'
import { fakeLogFile, type FakeLogFile } from './fake-log-file.ts'
import { noTotals } from './write-log.ts'

const event = (host: string): FlowEvent => ({ layer: 'dns', startedAt: 0, host, verdict: 'deny', reason: 'no-rule' })

interface Bench {
  readonly file: FakeLogFile
  readonly log: JobLog
  readonly failures: string[]
  readonly written: number[]
  /** How often it took every line again. */
  readonly recoveries: () => number
}

function bench(options: Partial<JobLogOptions> = {}): Bench {
  const file = fakeLogFile()
  const failures: string[] = []
  const written: number[] = []
  let recoveries = 0
  const observer = {
    written: (lines: number) => written.push(lines),
    recovered: () => void (recoveries += 1),
    failed: (error: Error) => failures.push(error.message),
  }
  const log = new JobLog({ file, job: 'job', now: () => 0, observer, paceMs: 0, retryMs: 1, finishMs: 200, ...options })
  return { file, log, failures, written, recoveries: () => recoveries }
}

function linesOf(file: FakeLogFile): Readonly<Record<string, unknown>>[] {
  return file
    .text()
    .split('\n')
    .slice(0, -1)
    .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}

await t.test('JobLog: lines of one turn go out in one write', async t => {
  const { file, log, written } = bench()
  for (let index = 0; index < 100; index += 1) log.write(event(`n${index}.test`))
  await until(() => written.length > 0)
  t.equal(file.writes, 1)
  t.same(written, [100])
  await log.seal(noTotals)
})

await t.test('JobLog: seal() writes the totals, closes the file, and answers with the head', async t => {
  const { file, log } = bench()
  log.write(event('a.test'))
  const seal = await log.seal({ ...noTotals, deny: 1 })
  t.match(seal, { sealed: true, lines: 2, lost: 0 })
  t.match(linesOf(file)[1], { layer: 'job', event: 'sealed', details: { deny: 1, lines: 2, lost: 0 } })
  t.match(checkText(file.text()), { state: 'sealed', head: seal.head })
  t.ok(file.closed)
  t.same(await log.seal(noTotals), seal, 'and again gives the same')
})

await t.test('JobLog: disposed without seal(), what waited is written and the log is unsealed', async t => {
  const { file, log } = bench()
  log.write(event('a.test'))
  await log[Symbol.asyncDispose]()
  t.match(checkText(file.text()), { state: 'unsealed', lines: 1 })
  t.ok(file.closed)
})

await t.test('JobLog: a disk that takes a few bytes at a time gets every line whole', async t => {
  const { file, log } = bench()
  file.most = 7
  for (let index = 0; index < 10; index += 1) log.write(event(`n${index}.test`))
  await log.seal(noTotals)
  t.match(checkText(file.text()), { state: 'sealed', lines: 11 })
})

await t.test('JobLog: a full disk is failing, reported once, and loses nothing when there is room again', async t => {
  const { file, log, failures } = bench()
  file.room = 100
  for (let index = 0; index < 10; index += 1) log.write(event(`n${index}.test`))
  await until(() => file.writes > 3)
  t.ok(log.failing)
  t.equal(failures.length, 1)
  file.room = Number.POSITIVE_INFINITY
  await until(() => !log.failing)
  t.match(await log.seal(noTotals), { sealed: true, lost: 0 })
  t.match(checkText(file.text()), { state: 'sealed', lines: 12 })
  t.match(linesOf(file)[10], { event: 'anomaly', error: 'LOG_WRITE_FAILED', details: { kind: 'log-failure', lost: 0 } })
})

await t.test('JobLog: what does not fit into memory is lost, counted, and told in its place', async t => {
  const { file, log } = bench({ maxPendingBytes: 1_000 })
  file.room = 0
  for (let index = 0; index < 100; index += 1) log.write(event(`n${index}.test`))
  await until(() => file.writes > 1)
  const kept = log.lines
  t.equal(log.lost, 100 - kept)
  file.room = Number.POSITIVE_INFINITY
  await until(() => !log.failing)
  log.write(event('after.test'))
  t.match(await log.seal(noTotals), { sealed: true, lost: 100 - kept })
  const all = linesOf(file)
  t.match(all[kept], { event: 'anomaly', details: { lost: 100 - kept } })
  t.match(all[kept + 1], { host: 'after.test' })
  t.match(checkText(file.text()), { state: 'sealed' })
})

await t.test('JobLog: a disk that is too slow is failing until half of the bound is written', async t => {
  const { file, log, failures } = bench({ maxPendingBytes: 1_000 })
  const gate = Promise.withResolvers<undefined>()
  file.gate = gate.promise
  for (let index = 0; index < 100; index += 1) {
    log.write(event(`n${index}.test`))
    if (index === 2) await until(() => log.lines === 3)
  }
  t.ok(log.failing)
  t.match(failures, ['the log cannot be written as fast as events come'])
  gate.resolve(undefined)
  await until(() => !log.failing)
  t.match(await log.seal(noTotals), { sealed: true })
})

await t.test('JobLog: a disk that stays full leaves the log unsealed, and seal() says so in bounded time', async t => {
  const { file, log } = bench()
  log.write(event('a.test'))
  await until(() => file.writes === 1)
  file.room = 10
  log.write(event('b.test'))
  t.match(await log.seal(noTotals), { sealed: false })
  t.match(checkText(file.text()), { state: 'unsealed', line: 2 })
})

await t.test('JobLog: a disk that never answers does not keep seal() for ever', async t => {
  const { file, log } = bench({ finishMs: 30 })
  file.gate = new Promise(() => undefined)
  log.write(event('a.test'))
  t.match(await log.seal(noTotals), { sealed: false })
})

await t.test('JobLog: an event after the end is counted as lost, and reported', async t => {
  const { log, failures } = bench()
  await log.seal(noTotals)
  log.write(event('late.test'))
  t.equal(log.lost, 1)
  t.equal(failures.length, 1)
})

await t.test(
  'JobLog: at its limit it says so, counts what follows, is failing to the end, and is sealed all the same',
  async t => {
    const { file, log, failures, written, recoveries } = bench({ maxBytes: 2_000 })
    for (let index = 0; index < 20; index += 1) log.write(event(`n${index}.test`))
    t.ok(log.failing)
    t.ok(log.lost > 5)
    await log.flushed()
    t.ok(written.length > 0)
    t.ok(log.failing, 'that the disk takes lines does not end it')
    t.equal(recoveries(), 0)
    log.write(event('late.test'))
    log.write({ layer: 'job', startedAt: 3, event: 'canary' })
    t.same(failures, ['the log has reached its limit of 2000 bytes'], 'once')
    const seal = await log.seal(noTotals)
    const lines = linesOf(file)
    const whole = lines.length - 4
    t.equal(whole + log.lost, 21, 'each event is in the log or counted')
    t.match(lines.slice(whole), [
      { event: 'anomaly', error: 'LOG_WRITE_FAILED', details: { kind: 'log-failure', note: /reached its limit/ } },
      { layer: 'job', event: 'canary' },
      { event: 'anomaly', details: { kind: 'log-failure', lost: log.lost } },
      { event: 'sealed', details: { lost: log.lost } },
    ])
    t.match(seal, { sealed: true, lost: log.lost })
    t.match(checkText(file.text()), { state: 'sealed', head: seal.head })
    t.ok(Buffer.byteLength(file.text()) < 2_000 + 1_500, 'the last lines and what was found are beside the limit')
  },
)
