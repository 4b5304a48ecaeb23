import type { Sources } from './sources.ts'

/** Files compared before notices are read again. */
const slice = 256
/** A round of comparing all files may take this share of the time, and no round begins earlier, in milliseconds. */
const bounds = { share: 0.03, everyMs: 500 } as const

/** Compares times and sizes of all files, round after round. */
export class Sweep {
  readonly #sources: Sources
  readonly #now: () => number
  #going: Generator<void, void, void> | undefined
  #endedAt = 0
  #tookMs = 0

  constructor(sources: Sources, now: () => number) {
    this.#sources = sources
    this.#now = now
  }

  /** Is a round under way? */
  get isGoing(): boolean {
    return this.#going !== undefined
  }

  /** The next round begins at once. */
  hurry(): void {
    this.#endedAt = -Infinity
  }

  /** Some files more; a round takes its share of the time and no more. */
  some(): void {
    const now = this.#now()
    const pause = Math.max(bounds.everyMs, this.#tookMs / bounds.share)
    if (this.#going === undefined && now - this.#endedAt < pause) return
    if (this.#going === undefined) this.#tookMs = 0
    this.#going ??= this.#sources.sweep(slice)
    const isDone = this.#going.next().done === true
    this.#tookMs += this.#now() - now
    if (!isDone) return
    this.#going = undefined
    this.#endedAt = this.#now()
  }
}
