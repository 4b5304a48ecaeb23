import type { Summary } from '../summary-shape.ts'
import { layOut } from './columns.ts'
import { packageCounts, refusedPackages } from './packages.ts'
import type { Terminal } from './terminal.ts'
import { clip, rest } from './text-lines.ts'
import { first, number, plural } from './words.ts'

/** Rows before "and N more". */
const limit = 15

/** What came in from package registries, and what of it the policy did not want. */
export function packages(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(packageCounts(summary), rows)
  const unwanted = refusedPackages(summary)
  if (shown.length === 0 && unwanted.length === 0) return []
  const lines = shown.map(({ type, registry, files, kept, ageless }) => [
    `  ${type}`,
    registry,
    plural(files, 'file'),
    `${number(kept)} as promised`,
    ageless === 0 ? '' : `${number(ageless)} of unknown age`,
  ])
  const refusals = first(unwanted, rows)
  return [
    paint('bold', 'Packages'),
    ...layOut(lines, width),
    ...rest(more, paint),
    ...refusals.shown.map(
      ({ purl, verdict }) =>
        `  ${paint(verdict === 'deny' ? 'bad' : 'warn', verdict === 'deny' ? '✗' : '○')} ${clip(purl, width - 4)}`,
    ),
    ...rest(refusals.more, paint),
  ]
}
