import { number } from './words.ts'

/** A table with its heading. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [tableRow(columns), tableRow(columns.map(() => '---')), ...rows.map(tableRow)]
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** What stands under rows that did not all fit. */
export function rest(more: number): string[] {
  return more > 0 ? ['', `and ${number(more)} more in summary.json`] : []
}

/**
 * A code span that holds any printable text: longer fence than any run of backticks inside, and `|` escaped, which a
 * table cell unescapes before code spans are read (GFM §4.10); a backslash before it is doubled, or it would escape ours.
 */
export function code(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length)
  const fence = '`'.repeat(Math.max(0, ...runs) + 1)
  const pad = text.startsWith('`') || text.endsWith('`') || text === '' ? ' ' : ''
  return `${fence}${pad}${text.replace(/(\\*)\|/g, '$1$1\\|')}${pad}${fence}`
}

/** Text outside a code span, with everything that Markdown or HTML would read escaped. */
export function plain(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+!|<>~&]/g, character => entities[character] ?? `\\${character}`)
}

const entities: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' }

/** A line inside a fence: it must not end it. */
export function fenced(line: string): string {
  return line.replaceAll('```', "'''")
}
