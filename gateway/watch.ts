import { ClockWatch } from './clock-watch.ts'
import { GatewayError } from './errors.ts'
import type { Job } from './jobs/job.ts'
import type { JobGauges } from './observe/job-gauges.ts'
import { openLedger } from './packet/ledger.ts'
import type { TableReading } from './packet/table-reading.ts'
import type { Wire } from './packet/wire.ts'
import type { Degradation } from './record/vocabulary.ts'

/** Who is told of what the watch sees. */
export interface WatchOptions {
  readonly wire: Wire
  readonly job: Job
  /** What the proof of the wire had counted: none of the job's. */
  readonly since: TableReading
  readonly gauges: JobGauges
  /** Milliseconds between two looks at the packet filter; default 1,000. */
  readonly lookEveryMs?: (() => number) | undefined
  /** The time, by the clock of the job's record. */
  readonly now: () => number
  /** Told once when the machine's clock was set: the record's goes on as before. */
  readonly onClockSet: (note: string) => void
  /** Told at every reading that finds it so. */
  readonly onDegraded: (kind: Degradation, note: string) => void
}

/**
 * Reads the kernel's counts into the record every second, and watches that the rules and routes stay those that were loaded.
 * When they do not, a job in block mode has no network any more: without rules its packets would not leave the machine,
 * but they would reach what listens on it. Disposing reads once more.
 */
export function openWatch(options: WatchOptions): AsyncDisposable {
  const { wire, job, since, gauges, lookEveryMs, now, onDegraded } = options
  const clock = new ClockWatch(now, options.onClockSet)
  let isCut = false
  let unanswered = 0
  const degrade = (note: string): void => {
    gauges.rulesetIntact(false)
    onDegraded('ruleset-changed', note)
    if (isCut || job.policy.mode === 'audit') return
    isCut = true
    wire.cut().catch((cause: unknown) => onDegraded('ruleset-changed', messageOf(cause)))
  }
  const failed = (cause: unknown): void => {
    unanswered += 1
    if (!isUnanswered(cause) || unanswered >= mostUnanswered) degrade(messageOf(cause))
  }
  gauges.rulesetIntact(true)
  return openLedger(
    wire,
    job,
    {
      seen: reading => {
        unanswered = 0
        clock.look()
        wire
          .isIntact(AbortSignal.timeout(10_000), reading)
          .then(intact => intact || degrade('the packet rules or routes of the wire were changed'), failed)
      },
      failed,
    },
    { since, now, ...(lookEveryMs === undefined ? {} : { intervalMs: lookEveryMs }) },
  )
}

/** A busy machine may keep one look waiting; so many in a row are no accident. */
const mostUnanswered = 3

/** Did the program not end in time, so that nobody knows? */
function isUnanswered(cause: unknown): boolean {
  return cause instanceof GatewayError && (cause.details['exitCode'] === null || cause.code === 'LINK_FAILED')
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
