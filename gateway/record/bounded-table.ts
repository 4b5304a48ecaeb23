/** Rows by key, at most `limit` of them; what comes for a new key after that is counted and not kept. */
export class BoundedTable<Row> {
  readonly #rows = new Map<string, Row>()
  readonly #limit: number
  #omitted = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** How often a row was asked for that did not fit. */
  get omitted(): number {
    return this.#omitted
  }

  has(key: string): boolean {
    return this.#rows.has(key)
  }

  /** The row of `key`, made by `make` when it is new; undefined when the table is full. */
  row(key: string, make: () => Row): Row | undefined {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    if (this.#rows.size >= this.#limit) {
      this.#omitted += 1
      return undefined
    }
    const made = make()
    this.#rows.set(key, made)
    return made
  }

  values(): readonly Row[] {
    return [...this.#rows.values()]
  }
}

/** Adds to a small set; what is beyond `limit` is left out. */
export function addBounded<T>(set: Set<T>, value: T | undefined, limit: number): void {
  if (value !== undefined && set.size < limit) set.add(value)
}

/** Counts by name, at most 16 names; the rest is counted as `other`. */
export function countBounded(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < 15 ? name : 'other'
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
