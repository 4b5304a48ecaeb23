import { readFile } from 'node:fs/promises'
import { stripVTControlCharacters } from 'node:util'
import t, { type Test } from 'tap'
import { openMetrics } from '../../../gateway/observe/metrics.ts'
import type { Alarm } from '../../../gateway/record/event.ts'
import { openJobRecord } from '../../../gateway/record/job-record.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import { wrap } from '../../../gateway/record/report/columns.ts'
import { renderBrief } from '../../../gateway/record/report/text.ts'
import { summariseLog } from '../../../gateway/record/summarise-log.ts'
import type { Summary } from '../../../gateway/record/summary-shape.ts'
import { alarmText } from '../../../gateway/record/vocabulary.ts'
import { assertValidLog } from '../../schema.ts'

const process = { pid: 7, exe: '/usr/bin/node', command: 'node x.js', uid: 0, parents: ['/usr/bin/dash'] }
const token = `ghp_${'a'.repeat(36)}`
const told: Alarm = {
  kind: 'dependency-confusion',
  note: '@acme/core was asked of npm.example.com, which is not its registry; name npm.acme.example in .npmrc',
  subject: 'pkg:npm/%40acme/core',
  host: 'npm.example.com',
  port: 443,
  flow: 'f-1',
  process,
}

async function recorded(
  t: Test,
  alarms: readonly Alarm[],
): Promise<{ readonly summary: Summary; readonly log: string; readonly again: Summary; readonly metrics: string }> {
  const dir = t.testdir()
  const metrics = openMetrics('1.2.3')
  const record = await openJobRecord({
    dir,
    job: 'build',
    mode: 'block',
    policyDigest: 'ab'.repeat(32),
    version: '0.0.0',
    now: () => 1_000_000,
    onLogFailure: 'deny',
    onTrouble: cause => t.fail(String(cause)),
    extraSinks: [metrics.sink],
  })
  for (const alarm of alarms) record.alarm(alarm)
  const { summary, intact } = await record.seal()
  t.ok(intact)
  const path = `${dir}/egress.ndjson`
  await assertValidLog(path)
  return {
    summary,
    log: await readFile(path, 'utf8'),
    again: await summariseLog(path, AbortSignal.timeout(10_000)),
    metrics: (await metrics.expose('prometheus')).body,
  }
}

await t.test('alarm(): is a line, a finding that counts, and a metric; a log read again says the same', async t => {
  const { summary, again, log, metrics } = await recorded(t, [told, told, { ...told, subject: 'pkg:npm/%40acme/ui' }])
  const [, line] = log.split('\n')
  t.match(JSON.parse(line ?? ''), {
    layer: 'job',
    event: 'anomaly',
    host: 'npm.example.com',
    port: 443,
    flow: 'f-1',
    process: { exe: '/usr/bin/node' },
    details: { kind: 'dependency-confusion', note: told.note, subject: told.subject },
  })
  t.match(summary.findings, [
    { kind: 'dependency-confusion', note: told.note, subject: told.subject, host: 'npm.example.com', count: 2 },
    { kind: 'dependency-confusion', count: 1 },
  ])
  t.strictSame(again.findings, JSON.parse(JSON.stringify(summary.findings)))
  t.strictSame(again.degraded, [], 'the protection is what it was')
  t.strictSame([summary.reached, summary.refused], [[], []], 'an alarm is no flow')
  t.match(metrics, 'tidegate_alarms_total{kind="dependency-confusion"} 3')
})

await t.test('alarm(): every kind has its line by the schema; only a canary is a line of its own', async t => {
  const kinds = Object.keys(alarmText).filter((kind): kind is Alarm['kind'] => kind in alarmText)
  const { summary, log, metrics } = await recorded(
    t,
    kinds.map(kind => ({ kind, note: `about ${kind}` })),
  )
  t.strictSame(
    summary.findings.map(({ kind }) => kind),
    kinds,
  )
  const events = log.split('\n').flatMap(line => (line.includes('"note"') ? [JSON.parse(line).event] : []))
  t.strictSame(new Set(events), new Set(['anomaly', 'canary']))
  for (const kind of kinds) t.match(metrics, `tidegate_alarms_total{kind="${kind}"} 1`)
})

await t.test('metrics: the label is closed', async t => {
  const metrics = openMetrics('1.2.3')
  const line = { layer: 'job', startedAt: 0, event: 'anomaly' } as const
  metrics.sink.write({ ...line, details: { kind: 'made-up' } })
  metrics.sink.write({ ...line, details: { kind: 'log-failure' } })
  metrics.sink.write({ ...line, details: { kind: 'constructor' } })
  t.notMatch((await metrics.expose('prometheus')).body, /tidegate_alarms_total\{/)
})

await t.test('alarm(): what a job put into it obeys nobody, and a known token is masked', async t => {
  const note = `\u001b[2J ${token} | <b>@everyone</b> \`x\` [a](https://evil.test) ${'long '.repeat(200)}`
  const { summary, log } = await recorded(t, [{ kind: 'new-host', note, subject: 'a\nb\u202e', host: 'a\u0007.test' }])
  t.notMatch(log, token)
  t.notMatch(log, '\u001b')
  const [row] = summary.findings
  t.equal(row?.note?.length, 512)
  t.equal(row?.subject, 'a\\x0ab\\u{202e}')
  const markdown = renderReport.markdown(summary, terminalFor({ columns: 80 }, {}))
  for (const alive of ['<b>', '[a](', ' `x` ']) t.notOk(markdown.includes(alive), `dead in Markdown: ${alive}`)
  t.notOk(renderReport.html(summary, terminalFor({ columns: 80 }, {})).includes('<b>@everyone'), 'dead in HTML')
})

await t.test('reports: tell the whole sentence, however narrow the terminal', async t => {
  const { summary } = await recorded(t, [told])
  for (const columns of [60, 100, 200]) {
    const text = stripVTControlCharacters(renderBrief(summary, terminalFor({ columns }, {})))
    t.match(text.replace(/\s+/g, ' '), told.note)
    t.match(text, 'node x.js')
    t.ok(
      text.split('\n').every(line => line.length <= columns || !line.includes('acme')),
      `${columns} columns`,
    )
  }
  const wide = terminalFor({ columns: 100 }, {})
  t.match(renderReport.markdown(summary, wide), /`npm\.example\.com`: @acme\/core was asked/)
  t.match(renderReport.html(summary, wide), 'was asked of npm.example.com')
  t.match(JSON.parse(renderReport.json(summary, wide)), { findings: [{ kind: told.kind, note: told.note }] })
})

await t.test('wrap(): loses nothing but the spaces it breaks at', async t => {
  t.strictSame(wrap('', 40), [])
  t.strictSame(wrap('one two three four five', 16), ['one two three', 'four five'])
  t.strictSame(wrap('x'.repeat(40), 16), ['x'.repeat(16), 'x'.repeat(16), 'x'.repeat(8)])
})
