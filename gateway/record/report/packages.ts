import type { PackageRow, Summary } from '../summary-shape.ts'

/** Packages of one kind from one registry, counted. */
export interface PackageCount {
  /** The kind, as package URLs write it. */
  readonly type: string
  readonly registry: string
  /** Files that came in. */
  readonly files: number
  /** Of these, files that are what the registry's metadata says. */
  readonly kept: number
  /** Of these, files of which nobody was seen to say how old they are, where the policy asks. */
  readonly ageless: number
}

/** What came in, by kind and registry; the most first. */
export function packageCounts({ packages }: Summary): readonly PackageCount[] {
  const groups = Map.groupBy(packages.filter(cameIn), ({ purl, registry }) => `${typeOf(purl)} ${registry}`)
  return [...groups.values()]
    .map(rows => ({
      type: typeOf(rows[0]?.purl ?? ''),
      registry: rows[0]?.registry ?? '',
      files: rows.length,
      kept: rows.filter(({ promise }) => promise === 'kept').length,
      ageless: rows.filter(({ age }) => age === 'unknown').length,
    }))
    .toSorted((a, b) => b.files - a.files || (a.type < b.type ? -1 : 1))
}

/** Did this file reach the job? */
export function cameIn({ sha256, verdict }: PackageRow): boolean {
  return sha256 !== undefined && verdict !== 'deny'
}

/** Packages that a rule of `packages:` refused, or would have in block mode. */
export function refusedPackages({ packages }: Summary): readonly PackageRow[] {
  return packages.filter(({ rule }) => rule?.startsWith('packages') === true)
}

function typeOf(purl: string): string {
  return /^pkg:([^/]+)\//.exec(purl)?.[1] ?? ''
}
