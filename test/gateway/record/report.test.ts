import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { layOut } from '../../../gateway/record/report/columns.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import { renderBrief } from '../../../gateway/record/report/text.ts'
import { bytes, duration } from '../../../gateway/record/report/words.ts'
import { sampleJob } from './sample-job.ts'
import { refusedName, sample, summarise } from './summarise.ts'

const dumb = terminalFor({ columns: 100 }, {})

await t.test(
  'renderBrief(): tells each destination once, and no more of an audit than what block mode would refuse',
  async t => {
    const flow = { host: 'shop.example.com', port: 443, startedAt: 0, verdict: 'observe', reason: 'no-rule' } as const
    const audit = summarise([
      { ...flow, layer: 'dns' },
      { ...flow, layer: 'http', method: 'GET', path: '/', inspected: true, bytesSent: 100 },
    ])
    const brief = renderBrief(audit, dumb)
    t.equal(brief.split('shop.example.com').length, 2, brief)
    t.match(brief, '1 host reached, 1 destination that block mode would refuse')
    t.match(brief, 'Would be refused in block mode')
    t.notMatch(brief, /^Reached|^To allow/m)
  },
)

await t.test('renderBrief(): of many rows, counts the rest', async t => {
  const many = summarise(Array.from({ length: 20 }, (_, at) => refusedName(`host-${at}.example${at}.test`)))
  t.match(renderBrief(many, dumb), /Refused\n(?:.+\n)+ {2}and 12 more/)
})

for (const width of [60, 80]) {
  await t.test(`renderBrief(): fits a terminal of ${width} columns`, async t => {
    const audit = sampleJob().map(event =>
      event.verdict === undefined ? event : { ...event, verdict: 'observe' as const },
    )
    // The hash of the log is longer than a narrow terminal, and so are policy lines, which nobody may cut.
    const wide = (text: string) =>
      text.split('\n').filter(line => line.length > width && !/^Its head|^The log|^To allow|^ {2}- /.test(line))
    for (const events of [sampleJob(), audit])
      t.same(wide(renderBrief(summarise(events), terminalFor({ columns: width }, {}))), [])
  })
}

await t.test('summary(): of nothing, says nothing', async t => {
  for (const render of Object.values(renderReport)) t.ok(render(summarise([]), dumb).length > 0)
  t.match(renderReport.text(summarise([]), dumb), '0 hosts reached, nothing refused')
})

for (const width of [40, 60, 100, 120]) {
  await t.test(`renderText(): no line of a table is wider than a terminal of ${width} columns`, async t => {
    const rows = sample.reached.map(row => [`  ${row.host}`, String(row.requests), row.processes.join(' ')])
    for (const line of layOut(rows, width)) t.ok(line.length <= width, line)
  })
}

await t.test('renderText(): colours only where it may', async t => {
  const tty = { isTTY: true, columns: 80 }
  const plain = renderReport.text(sample, terminalFor({ columns: 80 }, {}))
  const colourful = renderReport.text(sample, terminalFor(tty, {}))
  t.notMatch(plain, '\u001b')
  t.match(colourful, '\u001b[')
  t.equal(stripVTControlCharacters(colourful), plain)
  t.equal(renderReport.text(sample, terminalFor(tty, { NO_COLOR: '1' })), plain)
  t.equal(renderReport.text(sample, terminalFor(tty, { TERM: 'dumb' })), plain)
  t.equal(renderReport.text(sample, terminalFor({ columns: 80 }, { FORCE_COLOR: '1' })), colourful)
})

await t.test('every format: says when the log is broken', async t => {
  const broken = summarise([], { state: 'broken', lines: 3, lost: 0, line: 2, message: 'line 2 was changed' })
  for (const format of ['text', 'markdown', 'html'] as const) t.match(renderReport[format](broken, dumb), 'BROKEN')
  t.match(JSON.parse(renderReport.json(broken, dumb)), { log: { state: 'broken', line: 2 } })
})

await t.test('words: are short', async t => {
  t.same([0, 999, 1_000, 1_500_000, 123_456_789].map(bytes), ['0 B', '999 B', '1.0 kB', '1.5 MB', '123 MB'])
  t.same([5, 12_400, 185_000, 7_440_000].map(duration), ['5 ms', '12.4 s', '3 min 5 s', '2 h 4 min'])
})
