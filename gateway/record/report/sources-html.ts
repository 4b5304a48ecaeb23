import type { Summary } from '../summary-shape.ts'
import { fileEventText } from '../vocabulary.ts'
import { amount, type Markup, markup, section } from './html-markup.ts'
import { number } from './words.ts'

/** Files of the workspace that were changed while the job ran. */
export function sources(summary: Summary): Markup {
  const rows = summary.sources.map(({ path, event, count, before, after, process }) => [
    markup`<code>${path}</code>`,
    fileEventText[event],
    amount(number(count)),
    before === undefined ? '' : markup`<code>${before.slice(0, 12)}</code>`,
    after === undefined ? '' : markup`<code>${after.slice(0, 12)}</code>`,
    process === undefined ? '' : markup`<code>${process}</code>`,
  ])
  const columns = ['file', 'what', 'times', 'before', 'after', 'by']
  return section('Changed sources', columns, rows, summary.omitted.sources)
}
