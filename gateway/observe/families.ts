import { Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client'

/** The same metrics for both exposition formats: prom-client renames a counter for good once it renders OpenMetrics. */
export interface Registries {
  readonly prometheus: Registry
  readonly openMetrics: Registry<OpenMetricsContentType>
}

export function newRegistries(): Registries {
  const openMetrics = new Registry<OpenMetricsContentType>()
  openMetrics.setContentType('application/openmetrics-text; version=1.0.0; charset=utf-8')
  return { prometheus: new Registry(), openMetrics }
}

/** What a metric is called and means; the values of `labels` are closed sets. */
export interface Family<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
}

/** A counter that costs one map look-up to raise; label values come in the order of the family's labels. */
export interface Tally {
  add(amount: number, ...values: readonly string[]): void
}

interface Count<Label extends string> {
  readonly labels: Partial<Record<Label, string>>
  value: number
}

/** A counter, kept in plain numbers and handed to prom-client only when someone asks. */
export function counter<Label extends string>({ prometheus, openMetrics }: Registries, family: Family<Label>): Tally {
  const counts = new Map<string, Count<Label>>()
  const { name, help, labels: labelNames } = family
  for (const registers of [[prometheus], [openMetrics]]) {
    const exposed: Counter<Label> = new Counter<Label>({
      name,
      help,
      labelNames,
      registers,
      collect() {
        exposed.reset()
        for (const { labels, value } of counts.values()) exposed.inc(labels, value)
      },
    })
  }
  return {
    add(amount, ...values) {
      const key = values.length === 1 ? (values[0] ?? '') : values.join(' ')
      const count = counts.get(key)
      if (count === undefined) counts.set(key, { labels: labelled(labelNames, values), value: amount })
      else count.value += amount
    },
  }
}

function labelled<Label extends string>(
  names: readonly Label[],
  values: readonly string[],
): Partial<Record<Label, string>> {
  const labels: Partial<Record<Label, string>> = {}
  for (const [at, name] of names.entries()) labels[name] = values[at] ?? ''
  return labels
}

export function gauge<Label extends string>(
  { prometheus, openMetrics }: Registries,
  family: Family<Label>,
): Gauge<Label> {
  const { name, help, labels } = family
  return new Gauge<Label>({ name, help, labelNames: labels, registers: [prometheus, openMetrics] })
}

/** `buckets`: upper bounds, seconds. */
export function histogram<Label extends string>(
  { prometheus, openMetrics }: Registries,
  family: Family<Label>,
  buckets: readonly number[],
): Histogram<Label> {
  const { name, help, labels } = family
  return new Histogram<Label>({
    name,
    help,
    labelNames: labels,
    buckets: [...buckets],
    registers: [prometheus, openMetrics],
  })
}
