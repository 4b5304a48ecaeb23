import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import type { LogState, Summary } from '../../../gateway/record/summary-shape.ts'
import { sampleJob } from './sample-job.ts'

const sealed: LogState = { state: 'sealed', lines: 9, lost: 0, head: 'ab'.repeat(32) }

/** Of a job with these events, its log sealed unless told otherwise. */
export function summarise(events: readonly FlowEvent[], log: LogState = sealed): Summary {
  const summary = new JobSummary('build')
  for (const event of events) summary.write(redactEvent(event))
  return summary.summary(log)
}

/** Of the sample job. */
export const sample = summarise(sampleJob())

/** A DNS question that no rule allows. */
export function refusedName(host: string, facts: Partial<FlowEvent> = {}): FlowEvent {
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
