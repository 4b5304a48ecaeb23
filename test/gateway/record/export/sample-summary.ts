import type { FlowEvent } from '../../../../gateway/record/event.ts'
import { JobSummary } from '../../../../gateway/record/job-summary.ts'
import type { Summary } from '../../../../gateway/record/summary-shape.ts'
import { http, sha256 } from './sample-flows.ts'

/** Of a sealed job with these events; `head` is the last hash of its log, in hex. */
export function summaryOf(events: readonly FlowEvent[], head: string | undefined = 'e'.repeat(64)): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(event)
  return summary.summary({ state: 'sealed', lines: events.length, lost: 0, ...(head === undefined ? {} : { head }) })
}

/** Packages that came in, twice and oddly named, and some that did not. */
export const odd: readonly FlowEvent[] = [
  http,
  http,
  { ...http, details: { purl: 'pkg:npm/%40acme/ui@2.0.0', sha256: 'ef'.repeat(32), promise: 'none', age: 'unknown' } },
  { ...http, host: 'mirror.test' },
  { ...http, details: { purl: 'pkg:oci/app@sha256:aa?repository_url=r.test%2Fapp', sha256 } },
  { ...http, details: { purl: 'no package URL at all', sha256 } },
  {
    ...http,
    verdict: 'deny',
    reason: 'denied-by-rule',
    rule: 'packages.deny[0] pkg:npm/evil',
    details: { purl: 'pkg:npm/evil@1.0.0' },
  },
  { ...http, verdict: 'deny', details: { purl: 'pkg:npm/forged@1.0.0', sha256, promise: 'broken' } },
  { ...http, status: 404, details: { purl: 'pkg:npm/gone@1.0.0' } },
]
