import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import type { Summary } from '../../../gateway/record/summary-shape.ts'
import { sampleJob } from './sample-job.ts'

function summarise(events: readonly FlowEvent[]): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(redactEvent(event))
  return summary.summary({ state: 'sealed', lines: 9, lost: 0, head: 'ab'.repeat(32) })
}

for (const format of ['text', 'markdown', 'html'] as const)
  await t.test(`renderReport.${format}(): says what to do about a client that does not trust us`, async t => {
    const report = stripVTControlCharacters(
      renderReport[format](summarise(sampleJob()), terminalFor({ columns: 100 }, {})),
    )
    for (const told of ['/run/tidegate/bundle.pem', 'or allow tls://pinned.example.org if it pins'])
      t.match(report, told)
  })

await t.test(
  'summary(): a client that was passed unread in audit has a line where the policy knows the host',
  async t => {
    const passed = { layer: 'tls', startedAt: 0, port: 8443, event: 'inspection-bypassed' } as const
    const { findings, suggestions } = summarise([
      { ...passed, host: 'known.example.org', verdict: 'allow', error: 'CLIENT_REFUSED_CA' },
      { ...passed, host: 'unknown.example.org', verdict: 'observe', reason: 'no-rule', error: 'CLIENT_REFUSED_CA' },
    ])
    t.match(findings, [
      { kind: 'inspection-bypassed', host: 'known.example.org', allow: 'tls://known.example.org:8443' },
      { kind: 'inspection-bypassed', host: 'unknown.example.org', allow: undefined },
    ])
    t.notOk(suggestions.includes('tls://unknown.example.org:8443'))
  },
)
