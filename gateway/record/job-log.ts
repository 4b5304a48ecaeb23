import { GatewayError } from '../errors.ts'
import type { FlowEvent, Sink } from './event.ts'
import { lineHash, quote, renderLine, zeroHash } from './line.ts'
import type { LogFile } from './log-file.ts'
import { LogWriter } from './log-writer.ts'
import { sealLine } from './seal.ts'

/** Told of the log's own health, for the metrics and the operator. */
export interface LogObserver {
  /** So many lines reached the file. */
  written(lines: number): void
  /** The log cannot be written, events come faster than the disk takes them, or it is as long as it may be. Once per outage. */
  failed(error: GatewayError): void
  /** It takes every line again. */
  recovered?(): void
}

export interface JobLogOptions {
  /** Owned by the log from here on. */
  readonly file: LogFile
  readonly job: string
  /** Unix milliseconds. */
  readonly now: () => number
  readonly observer: LogObserver
  /** The log's own lines about its outages, so that a running summary has them too. */
  readonly onOutage?: (event: FlowEvent) => void
  /** Bytes that may wait for the disk; events beyond are lost, counted, and the log is failing. Default 8 MiB. */
  readonly maxPendingBytes?: number
  /**
   * Length at which the log takes no more flows: they are lost, counted, and the log is failing to its end. What is found (`job` and
   * `file` lines) has a mebibyte more. Default none.
   */
  readonly maxBytes?: number
  /** See `LogWriterOptions`; defaults 10, 250, 5,000 and 5,000 ms. */
  readonly paceMs?: number
  readonly retryMs?: number
  readonly syncMs?: number
  readonly finishMs?: number
}

/** What is found and what the job is has room of its own: a flood of requests that may pass must not silence it. Bytes. */
const reservedBytes = 1_048_576

/** How a log ended. */
export interface Seal {
  /** False when the last line could not be written. */
  readonly sealed: boolean
  readonly lines: number
  /** Events that are not in the log because it could not be written. */
  readonly lost: number
  /** SHA-256 (hex) of the last line: who keeps it can tell later that the whole log is the same. */
  readonly head: string
}

/**
 * The job's log: numbered lines, each with the hash of the one before. `write` never throws and never waits; a disk that
 * is full or too slow makes `failing` true, and once it can be written again the log says itself how many events are
 * missing, in the place where they would stand.
 */
export class JobLog implements Sink, AsyncDisposable {
  readonly #writer: LogWriter
  readonly #observer: LogObserver
  readonly #now: () => number
  readonly #onOutage: ((event: FlowEvent) => void) | undefined
  readonly #job: string
  readonly #maxPending: number
  readonly #maxBytes: number
  #lines = 0
  #bytes = 0
  #head = zeroHash
  #lost = 0
  #lostInOutage = 0
  #failingSince: number | undefined
  #overflowing = false
  #isFull = false
  #ended: Promise<boolean> | undefined

  constructor(options: JobLogOptions) {
    const { file, observer, paceMs = 10, retryMs = 250, syncMs = 5_000, finishMs = 5_000 } = options
    this.#observer = observer
    this.#now = options.now
    this.#onOutage = options.onOutage
    this.#job = quote(options.job)
    this.#maxPending = options.maxPendingBytes ?? 8 * 1_048_576
    this.#maxBytes = options.maxBytes ?? Infinity
    const onFailure = (error: GatewayError): void => this.#fail(error)
    const onWritten = (lines: number): void => this.#written(lines)
    this.#writer = new LogWriter({ file, paceMs, retryMs, syncMs, finishMs, onWritten, onFailure })
  }

  /** True while lines cannot be written, or come faster than the disk takes them. */
  get failing(): boolean {
    return this.#failingSince !== undefined
  }

  /** Lines so far, the last ones perhaps still on their way to the file. */
  get lines(): number {
    return this.#lines
  }

  /** Events that are not in the log. */
  get lost(): number {
    return this.#lost
  }

  write(event: FlowEvent): void {
    const isFinding = event.layer === 'job' || event.layer === 'file'
    if (this.#ended !== undefined || this.#overflowing || (this.#isFull && !isFinding)) return this.#lose()
    const line = renderLine(event, this.#lines, this.#job, this.#head)
    const mostBytes = isFinding ? this.#maxBytes + reservedBytes : this.#maxBytes
    if (this.#bytes + line.length >= mostBytes) return this.#isFull ? this.#lose() : this.#fill()
    this.#append(line)
    if (this.#writer.pendingBytes <= this.#maxPending) return
    this.#overflowing = true
    this.#fail(new GatewayError('LOG_WRITE_FAILED', 'the log cannot be written as fast as events come'))
  }

  /** Resolves when what was written so far has reached the file, or a write of it failed. */
  flushed(): Promise<void> {
    return this.#writer.flush()
  }

  /**
   * Writes what waits, then the last line with `totals`, and closes the file. Events after this are lost and counted.
   * Never throws: a disk that stays full leaves the log unsealed, and the answer says so.
   */
  async seal(totals: Readonly<Record<string, unknown>>): Promise<Seal> {
    if (this.#ended === undefined) {
      this.#reportOutage()
      const details = { ...totals, lines: this.#lines + 1, lost: this.#lost }
      const event: FlowEvent = { layer: 'job', startedAt: this.#now(), event: 'sealed', details }
      this.#append(sealLine(event, this.#lines, this.#job, this.#head))
      this.#ended = this.#writer.finish()
    }
    const sealed = await this.#ended
    return { sealed, lines: this.#lines, lost: this.#lost, head: this.#head }
  }

  /** Without `seal()` before it: writes what waits and leaves the log unsealed, as after a start that failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#writer.finish()
    await this.#ended
  }

  #append(line: string): void {
    this.#head = lineHash(line)
    this.#lines += 1
    this.#bytes += line.length + 1
    this.#writer.append(line)
  }

  /** Says in the log itself that no more flows follow: whoever reads it must not take silence for peace. */
  #fill(): void {
    this.#isFull = true
    this.#fail(new GatewayError('LOG_WRITE_FAILED', `the log has reached its limit of ${this.#maxBytes} bytes`))
    this.#lose()
    const note = 'the log has reached its limit: flows that follow are counted, and not written'
    this.#appendOutage({ kind: 'log-failure', note })
  }

  #lose(): void {
    this.#lost += 1
    this.#lostInOutage += 1
    if (this.#ended !== undefined)
      this.#fail(new GatewayError('LOG_WRITE_FAILED', 'an event came after the log was ended'))
  }

  #fail(error: GatewayError): void {
    if (this.#failingSince !== undefined) return
    this.#failingSince = this.#now()
    this.#observer.failed(error)
  }

  /** A write worked; the outage is over once at most half of the bound still waits. */
  #written(lines: number): void {
    this.#observer.written(lines)
    if (this.#failingSince === undefined || this.#isFull || this.#writer.pendingBytes > this.#maxPending / 2) return
    if (this.#ended === undefined) this.#reportOutage()
    this.#overflowing = false
    this.#failingSince = undefined
    this.#observer.recovered?.()
  }

  #reportOutage(): void {
    if (this.#failingSince === undefined) return
    const forMs = Math.max(0, Math.round(this.#now() - this.#failingSince))
    const lost = this.#lostInOutage
    this.#lostInOutage = 0
    this.#appendOutage({ kind: 'log-failure', lost, forMs })
  }

  #appendOutage(details: Readonly<Record<string, unknown>>): void {
    const event: FlowEvent = {
      layer: 'job',
      startedAt: this.#now(),
      event: 'anomaly',
      error: 'LOG_WRITE_FAILED',
      details,
    }
    this.#onOutage?.(event)
    this.#append(renderLine(event, this.#lines, this.#job, this.#head))
  }
}
