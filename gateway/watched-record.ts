import { Enforcement } from './observe/enforcement.ts'
import type { JobGauges } from './observe/job-gauges.ts'
import type { Metrics } from './observe/metrics.ts'
import type { Policy } from './policy/policy.ts'
import type { Sink } from './record/event.ts'
import { type JobRecord, openJobRecord } from './record/job-record.ts'
import { openClock } from './record/unix-now.ts'
import type { Degradation } from './record/vocabulary.ts'

/** What a job's record is opened with. */
export interface WatchedRecordOptions {
  /** Folder of the record. */
  readonly dir: string
  readonly job: string
  readonly policy: Policy
  /** Of tidegate. */
  readonly version: string
  readonly metrics: Metrics
  readonly gauges: JobGauges
  readonly extraSinks?: readonly Sink[]
  /** Longest log, bytes; default none. */
  readonly maxLogBytes?: number
  /** Told of trouble, for whoever runs the gateway. */
  readonly warn: (text: string) => void
}

/** A job's record, and whether the job is protected as promised. */
export interface WatchedRecord {
  readonly record: JobRecord
  readonly enforcement: Enforcement
  /** Notes a degraded state in the record, the metrics and the log, once while it lasts. */
  readonly degrade: (kind: Degradation, note: string) => void
}

/**
 * Opens the record of a job; what goes wrong with it shows in the metrics and is told. The caller seals it.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function openWatchedRecord(options: WatchedRecordOptions): Promise<WatchedRecord> {
  const { dir, job, policy, version, metrics, gauges, extraSinks = [], warn } = options
  const enforcement = new Enforcement(gauges, policy.mode)
  const record = await openJobRecord({
    dir,
    job,
    mode: policy.mode,
    policyDigest: policy.digest,
    version,
    now: openClock(),
    onLogFailure: policy.onLogFailure,
    inputs: policy.insight.packages !== undefined,
    extraSinks: [metrics.sink, ...extraSinks],
    ...(options.maxLogBytes === undefined ? {} : { maxLogBytes: options.maxLogBytes }),
    observer: {
      written: lines => metrics.log.written(lines),
      recovered: () => enforcement.recover('log-failure'),
      failed(error) {
        metrics.log.failed(error)
        enforcement.degrade('log-failure')
        warn(error.message)
      },
    },
    onTrouble: error => warn(error instanceof Error ? error.message : String(error)),
  })
  return {
    record,
    enforcement,
    degrade(kind, note) {
      if (!enforcement.degrade(kind)) return
      record.degrade(kind, note)
      warn(note)
    },
  }
}
