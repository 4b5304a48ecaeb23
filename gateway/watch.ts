import type { Job } from './jobs/job.ts'
import type { Metrics } from './observe/metrics.ts'
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
  readonly metrics: Metrics
  /** Told at every reading that finds it so. */
  readonly onDegraded: (kind: Degradation, note: string) => void
}

/**
 * Reads the kernel's counts into the record every second, and watches that the rules and routes stay those that were loaded.
 * Disposing reads once more.
 */
export function openWatch(
  { wire, job, since, metrics, onDegraded }: WatchOptions,
  signal: AbortSignal,
): AsyncDisposable {
  const degrade = (note: string): void => {
    metrics.rulesetIntact(false)
    onDegraded('ruleset-changed', note)
  }
  metrics.rulesetIntact(true)
  return openLedger(
    wire,
    job,
    {
      seen: reading => {
        wire.isIntact(signal, reading).then(
          intact => intact || degrade('the packet rules or routes of the wire were changed'),
          (cause: unknown) => signal.aborted || degrade(messageOf(cause)),
        )
      },
      failed: cause => degrade(messageOf(cause)),
    },
    { since },
  )
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
