import type { Terminal } from './terminal.ts'
import { number } from './words.ts'

/** What stands under rows that did not all fit. */
export function rest(more: number, paint: Terminal['paint']): string[] {
  return more > 0 ? [paint('dim', `  and ${number(more)} more`)] : []
}

/** Text of at most `width` characters; never cut to fewer than 16. */
export function clip(text: string, width: number): string {
  const room = Math.max(16, width)
  return text.length > room ? `${text.slice(0, room - 1)}…` : text
}
