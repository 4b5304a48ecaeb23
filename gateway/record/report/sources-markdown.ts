import type { Summary } from '../summary-shape.ts'
import { fileEventText } from '../vocabulary.ts'
import { code, plain, rest, table } from './markdown-text.ts'
import { first, number } from './words.ts'

/** Rows before "and N more". */
const limit = 50
/** Digits of a blob's id that tell people which it is. */
const shortId = 12

/** Files of the workspace that were changed while the job ran. */
export function sources(summary: Summary): string[] {
  const { shown, more } = first(summary.sources, limit)
  if (shown.length === 0) return []
  const rows = shown.map(({ path, event, count, before, after, process }) => [
    code(path),
    plain(fileEventText[event]),
    number(count),
    before === undefined ? '' : code(before.slice(0, shortId)),
    after === undefined ? '' : code(after.slice(0, shortId)),
    process === undefined ? '' : code(process),
  ])
  return ['### Changed sources', '', ...table(['file', 'what', 'times', 'before', 'after', 'by'], rows), ...rest(more)]
}
