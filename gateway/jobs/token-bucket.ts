/** How often something may happen: so many times a second in the long run, and so many at once. */
export interface Rate {
  readonly perSecond: number
  /** Beyond that, at once; at least 1. */
  readonly burst: number
}

/** Holds a rate. Takes constant time and memory. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #now: () => number
  #tokens: number
  #filledAt: number

  /** `now`: milliseconds. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate
    this.#now = now
    this.#tokens = rate.burst
    this.#filledAt = now()
  }

  /** Takes one; false when it has been too many. */
  take(): boolean {
    const now = this.#now()
    const { perSecond, burst } = this.#rate
    // A clock that is set back gives nothing, and takes nothing.
    const gained = (Math.max(0, now - this.#filledAt) * perSecond) / 1_000
    this.#tokens = Math.min(burst, this.#tokens + gained)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
