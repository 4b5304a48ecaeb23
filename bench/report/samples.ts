/**
 * Figures of all contenders, by metric. Values of one metric stand in the order of the rounds they were measured in; NaN
 * where a contender failed in a round.
 */
export class Samples {
  readonly #values = new Map<string, Map<string, number[]>>()
  readonly #failures: Failure[] = []

  add(metric: string, contender: string, value: number): void {
    const row = this.#values.get(metric) ?? new Map<string, number[]>()
    this.#values.set(metric, row)
    const column = row.get(contender)
    if (column === undefined) row.set(contender, [value])
    else column.push(value)
  }

  /** Notes why a contender has no figure in this round, and keeps its place in the row of rounds. */
  fail(metric: string, contender: string, why: string): void {
    this.add(metric, contender, NaN)
    this.#failures.push({ metric, contender, why })
  }

  /** What went wrong under this metric, in the order it happened. */
  failures(metric: string, contender: string): readonly string[] {
    return this.#failures.filter(one => one.metric === metric && one.contender === contender).map(({ why }) => why)
  }

  /** How many rounds have a figure, or a failure in its place. */
  rounds(metric: string, contender: string): number {
    return this.#values.get(metric)?.get(contender)?.length ?? 0
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

interface Failure {
  readonly metric: string
  readonly contender: string
  readonly why: string
}

/** The middle one of the values that are numbers, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
