/**
 * Figures of all contenders, by metric. Values of one metric stand in the order of the rounds they were measured in; NaN
 * where a contender failed in a round.
 */
export class Samples {
  readonly #values = new Map<string, Map<string, number[]>>()

  add(metric: string, contender: string, value: number): void {
    const row = this.#values.get(metric) ?? new Map<string, number[]>()
    this.#values.set(metric, row)
    const column = row.get(contender)
    if (column === undefined) row.set(contender, [value])
    else column.push(value)
  }

  /** The median, undefined when nothing was measured. */
  median(metric: string, contender: string): number | undefined {
    return medianOf(this.#values.get(metric)?.get(contender) ?? [])
  }

  /**
   * The median over the rounds of `one` divided by `other`: what the machine did in one round it did to both.
   * Undefined when one of them was not measured at all, NaN when there is no round in which both worked.
   */
  ratio(metric: string, one: string, other: string): number | undefined {
    return this.#paired(metric, one, other, (a, b) => a / b)
  }

  /** The same for the difference. */
  difference(metric: string, one: string, other: string): number | undefined {
    return this.#paired(metric, one, other, (a, b) => a - b)
  }

  contenders(metric: string): readonly string[] {
    return [...(this.#values.get(metric)?.keys() ?? [])]
  }

  /** Everything, for `--json`. */
  toJSON(): Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> {
    return Object.fromEntries([...this.#values].map(([metric, row]) => [metric, Object.fromEntries(row)]))
  }

  #paired(metric: string, one: string, other: string, by: (a: number, b: number) => number): number | undefined {
    const ours = this.#values.get(metric)?.get(one)
    const theirs = this.#values.get(metric)?.get(other)
    if (ours === undefined || theirs === undefined) return undefined
    return medianOf(ours.map((value, round) => by(value, theirs[round] ?? NaN))) ?? NaN
  }
}

/** The middle one of the values that are numbers, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
