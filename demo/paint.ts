import process from 'node:process'

const coloured = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''

function paint(code: number): (text: string) => string {
  return text => (coloured ? `\u001B[${code}m${text}\u001B[0m` : text)
}

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const cyan = paint(36)

/** Writes one line. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** A line that fits the terminal after `before` characters; whole where nobody sees a terminal. */
export function shorten(line: string, before = 0): string {
  const room = (process.stdout.columns || Number.POSITIVE_INFINITY) - before
  return line.length > room ? `${line.slice(0, room - 1)}…` : line
}

/** Writes the heading of an act. */
export function heading(text: string): void {
  say()
  say(bold(cyan(`━━ ${text} ${'━'.repeat(Math.max(0, 74 - text.length))}`)))
}
