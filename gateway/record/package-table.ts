import { BoundedTable } from './bounded-table.ts'
import { hostOf, type FlowEvent } from './event.ts'
import { processChain } from './process-label.ts'
import type { PackageRow } from './summary-shape.ts'

/** Builds with more files of packages than this are summed up without the rest, and say so. */
const mostPackages = 20_000

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Files of packages that came in, or were refused, by package, registry and content. */
export class PackageTable {
  readonly #rows = new BoundedTable<Mutable<PackageRow>>(mostPackages)

  get omitted(): number {
    return this.#rows.omitted
  }

  add(event: FlowEvent): void {
    const { details, verdict } = event
    const purl = textOf(details?.['purl'])
    if (purl === undefined || verdict === undefined) return
    const sha256 = textOf(details?.['sha256'])
    // Asked for and not there, not changed, or cut off: nothing came in.
    if (sha256 === undefined && verdict === 'allow') return
    const registry = textOf(details?.['registry']) ?? hostOf(event) ?? ''
    const row = this.#rows.row(`${purl} ${registry} ${sha256} ${verdict}`, () => rowOf(event, purl, registry, verdict))
    if (row !== undefined) row.count += 1
  }

  list(): readonly PackageRow[] {
    return this.#rows.values().map(row => ({ ...row }))
  }
}

const texts = ['sha256', 'sha512', 'sha1', 'published', 'publishedBefore', 'ageFrom'] as const

function rowOf(event: FlowEvent, purl: string, registry: string, verdict: PackageRow['verdict']): Mutable<PackageRow> {
  const { details = {}, process, startedAt, rule } = event
  const { promise, age } = details
  const row: Mutable<PackageRow> = { purl, registry, verdict, count: 0, firstAt: new Date(startedAt).toISOString() }
  for (const name of texts) {
    const value = textOf(details[name])
    if (value !== undefined) row[name] = value
  }
  if (promise === 'kept' || promise === 'broken' || promise === 'none') row.promise = promise
  if (age === 'unknown') row.age = age
  if (verdict !== 'allow' && rule !== undefined) row.rule = rule
  if (process !== undefined) row.process = processChain(process)
  return row
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
