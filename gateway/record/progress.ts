import { printable } from './printable.ts'
import type { LiveCounts } from './job-summary.ts'
import { duration, number } from './report/words.ts'

/** What a live line needs of a terminal. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** A line at the bottom of a terminal that says what is going on. */
export interface Progress extends Disposable {
  /** What is being done, e.g. `laying the wire`; shown with the time since it began. */
  phase(text: string): void
  /** Shows a running job's counts. */
  follow(counts: LiveCounts): void
  /** Removes the line until the next `phase` or `follow`: someone else is about to write to this terminal. */
  clear(): void
}

/**
 * True when a live line disturbs nobody: the stream is a terminal that can move its cursor, this is no CI system, and
 * nothing else writes to it. A command that `run` started writes to the terminal itself, so `run` shows the line before
 * and after CMD, and while it runs only when CMD's output goes elsewhere (`sharesTerminal` false), as in the demo.
 */
export function canShowProgress(
  stream: ProgressStream,
  env: Readonly<Record<string, string | undefined>>,
  sharesTerminal: boolean,
): boolean {
  return stream.isTTY === true && !sharesTerminal && env['TERM'] !== 'dumb' && (env['CI'] ?? '') === ''
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const eraseLine = '\r\u001b[K'

/** Opens a live line, redrawn every 100 ms; one that is not shown does nothing. Disposing it removes the line. */
export function openProgress(stream: ProgressStream, shown: boolean, now: () => number): Progress {
  return shown ? new LiveLine(stream, now) : silent
}

const silent: Progress = {
  phase: () => undefined,
  follow: () => undefined,
  clear: () => undefined,
  [Symbol.dispose]: () => undefined,
}

class LiveLine implements Progress {
  readonly #stream: ProgressStream
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout
  #startedAt: number
  #frame = 0
  #text: (() => string) | undefined
  #drawn = false

  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream
    this.#now = now
    this.#startedAt = now()
    this.#timer = setInterval(() => this.#draw(), 100).unref()
  }

  phase(text: string): void {
    this.#start(() => text)
  }

  follow(counts: LiveCounts): void {
    this.#start(() => renderCounts(counts))
  }

  clear(): void {
    this.#text = undefined
    if (this.#drawn) this.#stream.write(eraseLine)
    this.#drawn = false
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.clear()
  }

  #start(text: () => string): void {
    this.#startedAt = this.#now()
    this.#text = text
    this.#draw()
  }

  #draw(): void {
    if (this.#text === undefined) return
    const spinner = frames[this.#frame % frames.length] ?? ''
    this.#frame += 1
    const line = `${spinner} ${duration(this.#now() - this.#startedAt)} · ${this.#text()}`
    this.#stream.write(`${eraseLine}${line.slice(0, Math.max(1, (this.#stream.columns ?? 80) - 1))}`)
    this.#drawn = true
  }
}

/** `12 allowed · 2 refused · last: evil.example.com`. */
export function renderCounts({ flows, lastRefused }: LiveCounts): string {
  const parts = [`${number(flows.allow)} allowed`]
  if (flows.observe > 0) parts.push(`${number(flows.observe)} observed`)
  parts.push(`${number(flows.deny)} refused`)
  if (lastRefused !== undefined) parts.push(`last: ${printable(lastRefused, 60)}`)
  return parts.join(' · ')
}
