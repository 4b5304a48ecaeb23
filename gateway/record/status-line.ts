import type { LiveCounts } from './job-summary.ts'
import { renderCounts, type ProgressStream } from './progress.ts'
import { duration } from './report/words.ts'

/** What the status line needs of a terminal beyond writing. */
export interface StatusStream extends ProgressStream {
  readonly rows?: number
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

/** A short command is over before anyone wonders. */
const delayMs = 2_000
const paceMs = 1_000
/** A terminal with fewer rows has none to spare. */
const leastRows = 8

/**
 * A line at the very bottom of a terminal that a running command writes to: the rows above become the scrolling region
 * (DECSTBM, ECMA-48 style), as apt does it, so that neither disturbs the other. It appears after two seconds. Disposing gives the
 * row back. Does nothing where `shown` is false.
 */
export function openStatusLine(
  stream: StatusStream,
  shown: boolean,
  counts: LiveCounts,
  now: () => number,
): Disposable {
  if (!shown || (stream.rows ?? 0) < leastRows) return { [Symbol.dispose]: () => undefined }
  return new StatusLine(stream, counts, now)
}

class StatusLine implements Disposable {
  readonly #stream: StatusStream
  readonly #counts: LiveCounts
  readonly #now: () => number
  readonly #startedAt: number
  readonly #resized = (): void => this.#reserve()
  #timer: NodeJS.Timeout
  #rows = 0

  constructor(stream: StatusStream, counts: LiveCounts, now: () => number) {
    this.#stream = stream
    this.#counts = counts
    this.#now = now
    this.#startedAt = now()
    this.#timer = setTimeout(() => this.#begin(), delayMs).unref()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    if (this.#rows === 0) return
    this.#stream.off?.('resize', this.#resized)
    this.#stream.write(`${saveCursor}${region(1, this.#rows)}${eraseRow(this.#rows)}${restoreCursor}`)
    this.#rows = 0
  }

  #begin(): void {
    this.#stream.on?.('resize', this.#resized)
    this.#reserve()
    this.#timer = setInterval(() => this.#draw(), paceMs).unref()
  }

  /** The line feed scrolls when the cursor stands in the row that we take; setting the region moves the cursor, so it is saved. */
  #reserve(): void {
    this.#rows = this.#stream.rows ?? 0
    if (this.#rows < leastRows) return
    this.#stream.write(`\n${saveCursor}${region(1, this.#rows - 1)}${restoreCursor}\u001B[1A`)
    this.#draw()
  }

  #draw(): void {
    if (this.#rows < leastRows) return
    const line = ` tidegate · ${duration(this.#now() - this.#startedAt)} · ${renderCounts(this.#counts)} `
    const text = line.slice(0, Math.max(1, (this.#stream.columns ?? 80) - 1))
    this.#stream.write(`${saveCursor}${eraseRow(this.#rows)}\u001B[7m${text}\u001B[27m${restoreCursor}`)
  }
}

const saveCursor = '\u001B7'
const restoreCursor = '\u001B8'

function region(top: number, bottom: number): string {
  return `\u001B[${top};${bottom}r`
}

function eraseRow(row: number): string {
  return `\u001B[${row};1H\u001B[2K`
}
