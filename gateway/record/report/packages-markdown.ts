import type { Summary } from '../summary-shape.ts'
import { code, plain, rest, table } from './markdown-text.ts'
import { packageCounts, refusedPackages } from './packages.ts'
import { first, number } from './words.ts'

/** Rows before "and N more". */
const limit = 50

/** What came in from package registries, and what of it the policy did not want. */
export function packages(summary: Summary): string[] {
  const { shown, more } = first(packageCounts(summary), limit)
  const unwanted = first(refusedPackages(summary), limit)
  if (shown.length === 0 && unwanted.shown.length === 0) return []
  const rows = shown.map(({ type, registry, files, kept, ageless }) => [
    plain(type),
    code(registry),
    number(files),
    number(kept),
    number(ageless),
  ])
  const columns = ['kind', 'registry', 'files', 'as the registry promised', 'of unknown age']
  const refusals = unwanted.shown.map(
    ({ purl, verdict, rule = '' }) =>
      `- ${code(purl)} ${verdict === 'deny' ? 'refused' : 'would be refused'}: ${plain(rule)}`,
  )
  return [
    '### Packages',
    '',
    ...(rows.length === 0 ? [] : [...table(columns, rows), ...rest(more), ...(refusals.length === 0 ? [] : [''])]),
    ...refusals,
    ...rest(unwanted.more),
  ]
}
