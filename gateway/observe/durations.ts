import { Histogram, type HistogramConfiguration } from 'prom-client'
import type { Family, Registries } from './families.ts'

/** A histogram of durations with at most one label. */
export interface Durations {
  /** `label`: the value of the family's label, where it has one. */
  observe(seconds: number, label?: string): void
}

interface Tally {
  readonly labels: Readonly<Record<string, string>>
  /** How many fell into each bucket and into none of those before it; the last is beyond all bounds. */
  readonly counts: number[]
  sum: number
}

/**
 * A histogram kept in plain numbers, which costs a look-up and a few comparisons to raise: prom-client's own costs several
 * microseconds, and this is raised by every request. `bounds`: upper bounds of the buckets, seconds, ascending.
 */
export function durations<Label extends string>(
  { prometheus, openMetrics }: Registries,
  family: Family<Label>,
  bounds: readonly number[],
): Durations {
  const { name, help, labels } = family
  const [label] = labels
  const tallies = new Map<string | undefined, Tally>()
  const tallyOf = (value: string | undefined): Tally => {
    const shared = label === undefined || value === undefined ? {} : { [label]: value }
    const tally: Tally = { labels: shared, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }
    tallies.set(value, tally)
    return tally
  }
  if (label === undefined) tallyOf(undefined)
  const registers = [prometheus, openMetrics]
  const exposed = new Tallied<Label>({ name, help, labelNames: labels, buckets: [...bounds], registers })
  exposed.read = () => [...tallies.values()].flatMap(tally => samplesOf(name, bounds, tally))
  return {
    observe(seconds, value) {
      const tally = tallies.get(value) ?? tallyOf(value)
      let at = 0
      while (seconds > (bounds[at] ?? Infinity)) at += 1
      tally.counts[at] = (tally.counts[at] ?? 0) + 1
      tally.sum += seconds
    },
  }
}

/** One line of the exposition, as prom-client's registry takes it. */
interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly sharedLabels: Readonly<Record<string, string>>
  readonly value: number
}

/** prom-client's histogram by name and type, with figures from elsewhere. */
class Tallied<Label extends string> extends Histogram<Label> {
  read: () => readonly Sample[] = () => []
  readonly #about: { readonly name: string; readonly help: string }

  constructor(configuration: HistogramConfiguration<Label>) {
    super(configuration)
    this.#about = { name: configuration.name, help: configuration.help }
  }

  /** What the registry, and `get()`, ask for. */
  async getForPromString(): Promise<unknown> {
    return { ...this.#about, type: 'histogram', aggregator: 'sum', values: this.read() }
  }
}

function samplesOf(name: string, bounds: readonly number[], { labels, counts, sum }: Tally): readonly Sample[] {
  let total = 0
  const buckets = counts.map((count, at) => {
    total += count
    return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf' }, sharedLabels: labels, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels: labels, value: sum },
    { metricName: `${name}_count`, labels: {}, sharedLabels: labels, value: total },
  ]
}
