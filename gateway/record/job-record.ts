import { randomBytes } from 'node:crypto'
import { release } from 'node:os'
import process from 'node:process'
import type { Mode, Policy } from '../policy/policy.ts'
import type { Alarm, FlowEvent, JobEvent, OpenFlow, Sink, Verdict } from './event.ts'
import { writeInputs } from './export/write-inputs.ts'
import { fanOut } from './fan-out.ts'
import { JobLog, type LogObserver } from './job-log.ts'
import { JobSummary, type LiveCounts } from './job-summary.ts'
import { alarmEvent } from './alarm.ts'
import { createLogFile } from './log-file.ts'
import { readBack, type WrittenPlace } from './read-back.ts'
import { openFlow } from './open-flow.ts'
import { PacedSink } from './paced-sink.ts'
import { openRecordFolder } from './record-folder.ts'
import { redactEvent } from './redact.ts'
import { renderMarkdown } from './report/markdown.ts'
import type { Summary } from './summary-shape.ts'
import type { Degradation } from './vocabulary.ts'

export interface JobRecordOptions {
  /** Holds `egress.ndjson`, `summary.json`, `summary.md`; made if it is missing. One job at a time. */
  readonly dir: string
  readonly job: string
  readonly mode: Mode
  /** SHA-256 (hex) of the policy. */
  readonly policyDigest: string
  /** Of tidegate. */
  readonly version: string
  /** Unix milliseconds, fractions welcome; should not run backwards (see `openClock`). */
  readonly now: () => number
  readonly onLogFailure: 'deny' | 'allow'
  /** Also write `inputs.cdx.json` and `inputs.intoto.json`: what came in from package registries. */
  readonly inputs?: boolean
  /** Further sinks, for redacted events: the metrics, a log of `serve`. */
  readonly extraSinks?: readonly Sink[]
  readonly observer?: LogObserver
  /** Longest log, bytes; default none. */
  readonly maxLogBytes?: number
  /** A sink threw, or a report could not be written: for the operator. */
  readonly onTrouble: (error: unknown) => void
}

/** Events go to the sinks in batches: as often as the log is written, and soon enough to be little at a time. */
const pace = { paceMs: 10, most: 128 } as const

/** A file of somebody who looks at the job. */
interface ArtifactFile {
  readonly name: string
  readonly text: string
  /** Readable by nobody else. */
  readonly isPrivate?: boolean
}

/** How a job's record ended. */
export interface RecordEnd {
  readonly summary: Summary
  /** True when the log is sealed, complete, and read back as it was written. */
  readonly intact: boolean
}

/**
 * Everything that is written down about one job: its log, its running summary, its reports. `jobs/` delegates the
 * `sink`, `openFlow`, `newFlowId` and `recordFailed` of its `Job` to this. Owns the log; dispose it after the last flow.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function openJobRecord(options: JobRecordOptions): Promise<JobRecord> {
  await using opening = new AsyncDisposableStack()
  const folder = opening.use(await openRecordFolder(options.dir))
  const log = await createLogFile(folder)
  opening.defer(() => log.reader.close())
  const { mode, policyDigest, version, onLogFailure } = options
  const record = new JobRecord(options, { folder, log, owned: opening.move() })
  const details = { version, mode, policy: policyDigest, onLogFailure, node: process.version, kernel: release() }
  record.note('started', { details })
  return record
}

interface RecordPlace extends WrittenPlace {
  readonly owned: AsyncDisposable
}

export class JobRecord implements AsyncDisposable {
  /** Takes events as they are; they are made safe to write here, once, for every sink. */
  readonly sink: Sink
  readonly #options: JobRecordOptions
  readonly #place: RecordPlace
  readonly #paced: PacedSink
  readonly #log: JobLog
  readonly #summary: JobSummary
  readonly #run = randomBytes(3).toString('hex')
  #strict: boolean
  #flows = 0
  #ending: Promise<RecordEnd> | undefined

  constructor(options: JobRecordOptions, place: RecordPlace) {
    const { job, now, observer = { written: () => undefined, failed: options.onTrouble } } = options
    this.#options = options
    this.#place = place
    this.#strict = isStrict(options)
    this.#summary = new JobSummary(job)
    this.#log = new JobLog({
      file: place.log.file,
      job,
      now,
      observer,
      onOutage: event => this.#summary.write(event),
      ...(options.maxLogBytes === undefined ? {} : { maxBytes: options.maxLogBytes }),
    })
    const all = fanOut([this.#log, this.#summary, ...(options.extraSinks ?? [])], options.onTrouble)
    this.#paced = new PacedSink({ write: event => all.write(redactEvent(event)), ...pace })
    this.sink = this.#paced
  }

  /** True when new flows must be refused: the log is failing, the mode is `block` and the policy says `deny`. */
  get failed(): boolean {
    return this.#log.failing && this.#strict
  }

  /** Where it is written, absolute. */
  get folder(): string {
    return this.#place.folder.path
  }

  /** Counts for a live line. */
  get counts(): LiveCounts {
    return this.#summary
  }

  /** Flows so far, by verdict: what `--fail-on-deny` asks. */
  get flows(): Readonly<Record<Verdict, number>> {
    this.#paced.drain()
    return this.#summary.flows
  }

  /** The time, by the clock of this record. */
  now(): number {
    return this.#options.now()
  }

  /** A flow id, unique in the job, also over restarts of the gateway. */
  newFlowId(): string {
    this.#flows += 1
    return `${this.#run}-${this.#flows.toString(36)}`
  }

  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow {
    return openFlow(facts, event => this.sink.write(event), this.#options.now)
  }

  /** Writes a line about the job itself. */
  note(event: JobEvent, facts: Pick<FlowEvent, 'details' | 'durationMs' | 'error'> = {}): void {
    this.write({ layer: 'job', event, ...facts })
  }

  /** Writes a line that is no flow's. */
  write(event: Omit<FlowEvent, 'startedAt'>): void {
    this.sink.write({ ...event, startedAt: this.#options.now() })
  }

  /** Writes what somebody who looks at the job has found. */
  alarm(alarm: Alarm): void {
    this.write(alarmEvent(alarm))
  }

  /** Writes that another policy is in force from here on, and follows what it says of a failing log. */
  policyChanged(
    { mode, onLogFailure, digest: policy }: Pick<Policy, 'mode' | 'onLogFailure' | 'digest'>,
    by: 'reload' | 'job',
  ): void {
    this.#strict = isStrict({ mode, onLogFailure })
    this.note('policy-changed', { details: { by, mode, policy, onLogFailure } })
  }

  /** Writes that the protection was degraded; it stands in the report's foot and the job should end with a failing exit. */
  degrade(kind: Degradation, note?: string): void {
    this.note('anomaly', { details: { kind, ...(note === undefined ? {} : { note }) } })
  }

  /** The summary so far. */
  summary(): Summary {
    this.#paced.drain()
    return this.#summary.summary({ state: 'open', lines: this.#log.lines, lost: this.#log.lost })
  }

  /** Resolves when what was written so far has reached the file, or a write of it failed. */
  flushed(): Promise<void> {
    this.#paced.drain()
    return this.#log.flushed()
  }

  /**
   * Seals the log, reads it back (a build on the same file system could have rewritten it), and writes `summary.json`
   * and `summary.md`. Never throws; what went wrong stands in the answer and goes to `onTrouble`.
   */
  seal(): Promise<RecordEnd> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.seal()
  }

  async #end(): Promise<RecordEnd> {
    this.#paced.drain()
    const seal = await this.#log.seal(this.#summary.sealTotals())
    const found = await readBack(this.#place, {
      lines: this.#log.lines,
      lost: seal.lost,
      onTrouble: this.#options.onTrouble,
    })
    if (found.head !== seal.head || found.state === 'broken') {
      // What we could not write is our failure; what is there and differs is someone's hand.
      const kind = seal.sealed || found.state === 'broken' ? 'log-changed' : 'log-failure'
      this.#summary.degrade(kind, found.message)
    }
    const summary = this.#summary.summary(found)
    const intact = seal.sealed && seal.lost === 0 && found.state === 'sealed' && found.head === seal.head
    await this.#writeReport('summary.json', `${JSON.stringify(summary, null, 2)}\n`)
    await this.#writeReport('summary.md', renderMarkdown(summary))
    const write = (name: string, text: string): Promise<void> => this.#writeReport(name, text)
    const place = { log: this.#place.log.reader, write, onTrouble: this.#options.onTrouble }
    if (this.#options.inputs === true) await writeInputs(summary, place)
    await this.#place.owned[Symbol.asyncDispose]()
    return { summary, intact }
  }

  /** Writes a file beside the log; what went wrong goes to `onTrouble`. */
  writeArtifact({ name, text, isPrivate = false }: ArtifactFile): Promise<void> {
    return this.#writeReport(name, text, isPrivate ? 0o600 : undefined)
  }

  async #writeReport(name: string, text: string, permissions?: number): Promise<void> {
    try {
      await this.#place.folder.write(name, text, permissions)
    } catch (cause) {
      this.#options.onTrouble(cause)
    }
  }
}

/** Does a log that cannot be written stop new flows? */
function isStrict({ mode, onLogFailure }: Pick<Policy, 'mode' | 'onLogFailure'>): boolean {
  return mode === 'block' && onLogFailure === 'deny'
}
