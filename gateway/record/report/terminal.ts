import { styleText } from 'node:util'

/** What a text report may use. */
export interface Terminal {
  /** Columns, 40 to 120. */
  readonly width: number
  readonly paint: (style: Style, text: string) => string
  /** Rows of a section before the rest is only counted; each section has its own when absent. */
  readonly rows?: number
}

type Style = 'good' | 'bad' | 'warn' | 'dim' | 'bold'

const styles = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', bold: 'bold' } as const

/** Colour only on a terminal, and as NO_COLOR (no-color.org), FORCE_COLOR and TERM=dumb say; width of the terminal, 100 where it has or tells none. */
export function terminalFor(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  const width = Math.min(120, Math.max(40, stream.columns || 100))
  return hasColour(stream, env) ? { width, paint: coloured } : { width, paint: (_style, text) => text }
}

function hasColour(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

function coloured(style: Style, text: string): string {
  return styleText(styles[style], text, { validateStream: false })
}
