import { bytes, number, plural } from './words.ts'

/** Text that is markup already; anything else is escaped by `markup`. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may be put into markup. */
export type Piece = string | number | Markup | readonly Piece[]

/** The one way text becomes markup here: what is put in is escaped, so a value cannot be forgotten. */
export function markup(texts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return new Markup(texts.map((text, at) => text + (at < pieces.length ? escape(pieces[at] ?? '') : '')).join(''))
}

function escape(piece: Piece): string {
  if (piece instanceof Markup) return piece.text
  if (typeof piece === 'string') return piece.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
  return typeof piece === 'number' ? number(piece) : piece.map(escape).join('')
}

/** No markup. */
export const none = new Markup('')

/** A figure, which does not break. */
export function amount(value: number | string): Markup {
  return markup`<span class="amount">${typeof value === 'number' ? bytes(value) : value}</span>`
}

/** The heading of a column, inside the cell: what a narrow screen shows instead of the column. */
function label(column: string): Markup {
  return markup`<span class="label">${column}</span>`
}

function isEmpty(cell: Piece): boolean {
  return cell === '' || (Array.isArray(cell) && cell.length === 0)
}

/** A table under a heading; nothing when it has no rows. */
export function section(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Piece[])[],
  omitted: number,
): Markup {
  if (rows.length === 0) return none
  const body = rows.map(
    row =>
      markup`<tr>
        ${row.map((cell, at) => markup`<td>${isEmpty(cell) ? none : label(columns[at] ?? '')}${cell}</td>`)}
      </tr> `,
  )
  const more =
    omitted > 0 ? markup`<p>${plural(omitted, 'more flow')} did not fit into this list; the log has them.</p>` : none
  return markup`<section>
    <h2>${title}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${columns.map(column => markup`<th>${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${body}
        </tbody>
      </table>
    </div>
    ${more}
  </section> `
}
