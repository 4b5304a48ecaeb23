/** A clock that was set by less is not worth a line: time servers do that. */
const leastMs = 2_000

/**
 * Sees when the machine's clock is set while a record's, which never is, goes on: whoever compares the record with others must
 * know by how much they differ from then on.
 */
export class ClockWatch {
  readonly #now: () => number
  readonly #machine: () => number
  readonly #tell: (note: string) => void
  /** How far the machine's clock is ahead, as was told last. */
  #aheadMs = 0

  /** `now`: of the record. `machine`: default `Date.now`; both milliseconds. */
  constructor(now: () => number, tell: (note: string) => void, machine: () => number = Date.now) {
    this.#now = now
    this.#machine = machine
    this.#tell = tell
  }

  /** Compares, and tells when it is another difference than before. */
  look(): void {
    const machine = this.#machine()
    const aheadMs = machine - this.#now()
    const byMs = aheadMs - this.#aheadMs
    if (Math.abs(byMs) < leastMs) return
    this.#aheadMs = aheadMs
    const seconds = Math.round(Math.abs(byMs) / 1_000)
    // The clock that the record goes by stands still while a machine sleeps.
    const what =
      byMs > 0 ? `went forward by ${seconds} s (it was set, or the machine slept)` : `was set back by ${seconds} s`
    const is = new Date(machine).toISOString()
    this.#tell(`the machine's clock ${what}, to ${is}; times of this record go on from those before`)
  }
}
