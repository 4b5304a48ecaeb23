/** So many notices within so many milliseconds are a crowd: no compiler writes like that, unpacking an archive does. */
const crowd = { notices: 50, withinMs: 10 } as const
/** Shorter than anything that reads what it has swapped, in milliseconds. */
const pauseMs = 2

/**
 * Tells when so many files come that are no sources that it is better to read of many at once. Each time we wait for the
 * kernel to tell of one, the process that writes has to wake us, which costs it more than the writing of a small file.
 */
export class Crowd {
  #since = -Infinity
  #count = 0
  #isThere = false

  /** How long to leave the notices where they are, in milliseconds. */
  get pauseMs(): number {
    return this.#isThere ? pauseMs : 0
  }

  /** Takes what was read at a time in milliseconds; `ofSources`: some of it was about sources, which nobody lets wait. */
  saw(notices: number, ofSources: boolean, now: number): void {
    if (now - this.#since >= crowd.withinMs) {
      this.#isThere = this.#count >= crowd.notices
      this.#since = now
      this.#count = 0
    }
    this.#count += notices
    if (ofSources) this.#isThere = false
    else if (this.#count >= crowd.notices) this.#isThere = true
  }
}
