import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { packageCounts, refusedPackages } from '../../../gateway/record/report/packages.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import type { Summary } from '../../../gateway/record/summary-shape.ts'

const sha256 = 'ab'.repeat(32)
const plainTerminal = terminalFor({ columns: 100 }, {})

function line(details: Readonly<Record<string, unknown>>, more: Partial<FlowEvent> = {}): FlowEvent {
  return {
    layer: 'http',
    startedAt: 0,
    host: 'npm.test',
    port: 443,
    verdict: 'allow',
    reason: 'rule',
    details,
    ...more,
  }
}

function summaryOf(events: readonly FlowEvent[]): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(redactEvent(event))
  return summary.summary({ state: 'sealed', lines: events.length, lost: 0 })
}

const denied = { verdict: 'deny', reason: 'denied-by-rule', rule: 'packages.deny[0] pkg:npm/evil' } as const
const events = [
  line({ purl: 'pkg:npm/a@1.0.0', sha256, promise: 'kept' }),
  line({ purl: 'pkg:npm/a@1.0.0', sha256, promise: 'kept' }),
  line({ purl: 'pkg:npm/b@1.0.0', sha256, promise: 'none', age: 'unknown' }),
  line({ purl: 'pkg:npm/c@1.0.0', sha256, promise: 'kept', registry: 'other.test' }, { host: 'cdn.test' }),
  line({ purl: 'pkg:pypi/p@1.0', sha256, promise: 'kept' }, { host: 'pypi.test' }),
  line({ describes: 'pkg:npm/a' }),
  line({ purl: 'pkg:npm/missing@1.0.0' }, { status: 404 }),
  line({ purl: 'pkg:npm/evil@1.0.0' }, denied),
  line({ purl: 'pkg:npm/seen@1.0.0', sha256, promise: 'kept' }, { ...denied, verdict: 'observe' }),
  line({ purl: 'pkg:npm/else@1.0.0' }, { verdict: 'deny', reason: 'no-rule' }),
]

t.test('packageCounts(): files that came in, by kind and registry', async t => {
  t.same(packageCounts(summaryOf(events)), [
    { type: 'npm', registry: 'npm.test', files: 3, kept: 2, ageless: 1 },
    { type: 'npm', registry: 'other.test', files: 1, kept: 1, ageless: 0 },
    { type: 'pypi', registry: 'pypi.test', files: 1, kept: 1, ageless: 0 },
  ])
  t.same(
    refusedPackages(summaryOf(events)).map(({ purl, verdict }) => [purl, verdict]),
    [
      ['pkg:npm/evil@1.0.0', 'deny'],
      ['pkg:npm/seen@1.0.0', 'observe'],
    ],
  )
})

t.test('every format counts them and names what was not wanted', async t => {
  const summary = summaryOf(events)
  for (const format of ['text', 'markdown', 'html'] as const) {
    const report = renderReport[format](summary, plainTerminal)
    for (const text of ['Packages', 'other.test', 'pkg:npm/evil@1.0.0', 'pkg:npm/seen@1.0.0'])
      t.ok(report.includes(text), `${format}: ${text}`)
    t.notOk(
      renderReport[format](summaryOf([]), plainTerminal).includes('Packages'),
      `${format}: nothing without packages`,
    )
  }
})

t.test('what a registry calls its packages is text in every format', async t => {
  const name = 'pkg:npm/<img src=x>|`*[a](b)\u001b[31m@1.0.0'
  const summary = summaryOf([
    line({ purl: name, sha256 }, { host: '<u>.test' }),
    line({ purl: name }, { ...denied, rule: 'packages.deny[0] <s>|`' }),
  ])
  const html = renderReport.html(summary, plainTerminal)
  t.notMatch(html, /<img|<u>|<s>/)
  const markdown = renderReport.markdown(summary, plainTerminal)
  t.notMatch(markdown, /^[^`]*<img/m)
  t.notMatch(`${html}${markdown}${renderReport.text(summary, plainTerminal)}`, '\u001b')
})

t.test('more files than a summary holds are counted', async t => {
  const summary = new JobSummary('build')
  for (let at = 0; at < 20_010; at += 1) summary.write(line({ purl: `pkg:npm/p${at}@1.0.0`, sha256 }))
  const { packages, omitted } = summary.summary({ state: 'sealed', lines: 0, lost: 0 })
  t.equal(packages.length, 20_000)
  t.equal(omitted.packages, 10)
})
