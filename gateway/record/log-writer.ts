import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import type { LogFile } from './log-file.ts'

export interface LogWriterOptions {
  readonly file: LogFile
  /** Least time between two writes while lines keep coming, ms; the first line after a pause goes at once. */
  readonly paceMs: number
  /** Pause before a failed write is tried again, ms. */
  readonly retryMs: number
  /** At most so long does a written line wait for fdatasync, ms. */
  readonly syncMs: number
  /** How long `finish()` goes on trying, ms. */
  readonly finishMs: number
  /** So many lines reached the file. */
  readonly onWritten: (lines: number) => void
  /** A write or a sync failed; it is tried again, so this may come many times. */
  readonly onFailure: (error: GatewayError) => void
}

/** A batch of this size is written without waiting for the pace, bytes. */
const fullBatch = 65_536

/**
 * Brings lines to a file in few writes, in order, none twice. Owns the file. What a failed or short write left over is
 * tried again and never dropped: bounding what waits is the caller's, by `pendingBytes`.
 */
export class LogWriter {
  readonly #options: LogWriterOptions
  /** Lines that no write holds yet. */
  #waiting: string[] = []
  /** What the current write has not finished. */
  #batch: Buffer | undefined
  #pendingBytes = 0
  #dirty = false
  #flushing: Promise<void> | undefined
  #soon: NodeJS.Immediate | undefined
  #later: NodeJS.Timeout | undefined
  #lastWrite = 0
  /** The last write failed, and `#later` tries again. */
  #failed = false
  #abandoned = false
  readonly #syncing: NodeJS.Timeout

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#syncing = setInterval(() => this.#sync(), options.syncMs).unref()
  }

  /** Bytes that have not reached the file. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Takes one line, ASCII, without its line feed. Never throws and never waits. */
  append(line: string): void {
    this.#waiting.push(line)
    this.#pendingBytes += line.length + 1
    if (this.#soon !== undefined || this.#flushing !== undefined || this.#failed) return
    if (this.#later !== undefined && this.#pendingBytes < fullBatch) return
    // A write costs as much as ten lines: a busy log writes at a pace, a quiet one at the end of this turn.
    const waitMs = this.#pendingBytes < fullBatch ? this.#lastWrite + this.#options.paceMs - performance.now() : 0
    if (waitMs > 0) this.#later = setTimeout(() => this.#flush(), waitMs)
    else this.#soon = setImmediate(() => this.#flush())
  }

  /** Writes what waits and closes the file; false when not everything reached it in `finishMs`. Never throws. */
  async finish(): Promise<boolean> {
    clearInterval(this.#syncing)
    const { finishMs, retryMs } = this.#options
    const deadline = performance.now() + finishMs
    while (this.#pendingBytes > 0) {
      this.#flush()
      const giveUp = new AbortController()
      const late = delay(Math.max(0, deadline - performance.now()), undefined, { signal: giveUp.signal }).catch(
        () => undefined,
      )
      await Promise.race([this.#flushing, late])
      giveUp.abort()
      // A disk that does not even answer may hold the file for ever: it is left to the end of the process.
      this.#abandoned = this.#pendingBytes > 0 && performance.now() >= deadline
      if (this.#abandoned) {
        clearTimeout(this.#later)
        return false
      }
      if (this.#pendingBytes > 0) await delay(Math.min(retryMs, 50))
    }
    return this.#close()
  }

  /** Writes now; resolves when that is done, or failed. */
  async flush(): Promise<void> {
    this.#flush()
    await this.#flushing
  }

  #flush(): void {
    clearImmediate(this.#soon)
    clearTimeout(this.#later)
    this.#soon = undefined
    this.#later = undefined
    this.#flushing ??= this.#drain().finally(() => (this.#flushing = undefined))
  }

  /** Writes until less than a full batch waits; the rest follows at the pace, or later when a write failed. */
  async #drain(): Promise<void> {
    do this.#failed = !(await this.#writeBatch())
    while (!this.#failed && this.#pendingBytes >= fullBatch)
    if (this.#pendingBytes === 0 || this.#abandoned) return
    this.#later = setTimeout(() => this.#flush(), this.#failed ? this.#options.retryMs : this.#options.paceMs)
  }

  /** One batch in as many writes as the disk wants; false when one failed. */
  async #writeBatch(): Promise<boolean> {
    this.#batch ??= this.#takeBatch()
    while (this.#batch !== undefined) {
      const batch = this.#batch
      const written = await this.#write(batch)
      if (written === 0) return false
      this.#batch = written < batch.length ? batch.subarray(written) : undefined
      this.#pendingBytes -= written
      this.#dirty = true
      this.#options.onWritten(countLines(batch, written))
    }
    this.#lastWrite = performance.now()
    return true
  }

  #takeBatch(): Buffer | undefined {
    if (this.#waiting.length === 0) return undefined
    const batch = Buffer.from(`${this.#waiting.join('\n')}\n`, 'latin1')
    this.#waiting = []
    return batch
  }

  async #write(batch: Buffer): Promise<number> {
    try {
      const written = await this.#options.file.write(batch)
      if (written === 0) this.#options.onFailure(writeFailed('the disk took no byte'))
      return written
    } catch (cause) {
      this.#options.onFailure(writeFailed(cause))
      return 0
    }
  }

  #sync(): void {
    if (!this.#dirty) return
    this.#dirty = false
    this.#options.file.sync().catch((cause: unknown) => this.#options.onFailure(writeFailed(cause)))
  }

  async #close(): Promise<boolean> {
    try {
      if (this.#dirty) await this.#options.file.sync()
      await this.#options.file.close()
      return true
    } catch (cause) {
      this.#options.onFailure(writeFailed(cause))
      return false
    }
  }
}

function writeFailed(cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('LOG_WRITE_FAILED', `the log cannot be written: ${why}`, { cause })
}

function countLines(bytes: Buffer, end: number): number {
  let lines = 0
  for (let at = bytes.indexOf(10); at !== -1 && at < end; at = bytes.indexOf(10, at + 1)) lines += 1
  return lines
}
