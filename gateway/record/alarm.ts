import type { Alarm, FlowEvent } from './event.ts'

/** The line that tells an alarm. */
export function alarmEvent({ kind, note, subject, process, ...where }: Alarm): Omit<FlowEvent, 'startedAt'> {
  return {
    layer: 'job',
    ...where,
    event: kind === 'canary' ? 'canary' : 'anomaly',
    ...(process === undefined ? {} : { process }),
    details: { kind, note, ...(subject === undefined ? {} : { subject }) },
  }
}
