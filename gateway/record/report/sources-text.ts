import type { Summary } from '../summary-shape.ts'
import { fileEventText } from '../vocabulary.ts'
import type { Terminal } from './terminal.ts'
import { clip, rest } from './text-lines.ts'
import { first, plural } from './words.ts'

/** Rows before "and N more". */
const limit = 15

/** Files of the workspace that were changed while the job ran. */
export function sources(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(summary.sources, rows)
  if (shown.length === 0) return []
  const lines = shown.flatMap(({ path, event, count, process = 'by a process that nobody saw' }) => [
    `  ${paint('warn', event === 'added-in-source' ? '+' : '!')} ${clip(path, width - 4)}`,
    paint('dim', `      ${clip([fileEventText[event], plural(count, 'time'), process].join(' · '), width - 6)}`),
  ])
  return [paint('bold', 'Changed sources'), ...lines, ...rest(more, paint)]
}
