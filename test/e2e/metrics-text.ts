/** A sample of the Prometheus text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads what `/metrics` says. @throws Error for a line that is neither a comment nor a sample */
export function parseMetrics(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      if (name === '') throw new Error(`no sample: ${line}`)
      const pairs = labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)
      return {
        name,
        labels: Object.fromEntries(Array.from(pairs, ([, key, text]) => [key, text])),
        value: Number(value),
      }
    })
}

/** The values of one metric that are not 0, by the values of these labels, sorted: `allow A NOERROR 3`. */
export function valuesOf(samples: readonly Sample[], name: string, labels: readonly string[]): readonly string[] {
  return samples
    .filter(sample => sample.name === name && sample.value !== 0)
    .map(sample => [...labels.map(label => sample.labels[label] ?? ''), sample.value].join(' '))
    .toSorted()
}
