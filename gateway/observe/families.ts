import { Counter, Gauge, Registry, type OpenMetricsContentType } from 'prom-client'

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

/** The counts below one label value; those of the last label hold the figure itself. */
interface Branch<Label extends string> {
  readonly next: Map<string, Branch<Label>>
  count: Count<Label> | undefined
}

/** A counter, kept in plain numbers and handed to prom-client only when someone asks. */
export function counter<Label extends string>({ prometheus, openMetrics }: Registries, family: Family<Label>): Tally {
  const counts: Count<Label>[] = []
  const root: Branch<Label> = { next: new Map(), count: undefined }
  const { name, help, labels: labelNames } = family
  for (const registers of [[prometheus], [openMetrics]]) {
    const exposed: Counter<Label> = new Counter<Label>({
      name,
      help,
      labelNames,
      registers,
      collect() {
        exposed.reset()
        for (const { labels, value } of counts) exposed.inc(labels, value)
      },
    })
  }
  return {
    add(amount, ...values) {
      // Step by step through constant strings: putting a key together would cost more than all the rest.
      let branch = root
      for (const value of values) branch = branch.next.get(value) ?? grow(branch, value)
      if (branch.count !== undefined) {
        branch.count.value += amount
        return
      }
      branch.count = { labels: labelled(labelNames, values), value: amount }
      counts.push(branch.count)
    },
  }
}

function grow<Label extends string>(branch: Branch<Label>, value: string): Branch<Label> {
  const grown: Branch<Label> = { next: new Map(), count: undefined }
  branch.next.set(value, grown)
  return grown
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
