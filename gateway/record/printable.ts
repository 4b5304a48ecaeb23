const plain = /^[\x20-\x7e]*$/
const unsafe = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * Text that is safe to print on one line of a terminal, a page or a log: control, format (bidirectional, zero width),
 * separator and unpaired characters become visible escapes (`\x1b`, `\u{202e}`), and what is longer than `maxLength`
 * UTF-16 units is cut and ends in `…`. Text that is already safe comes back as it is, so doing it twice changes nothing.
 */
export function printable(text: string, maxLength: number): string {
  const short = text.length > maxLength ? cut(text, maxLength) : text
  if (plain.test(short)) return short
  const safe = short.replace(unsafe, escaped)
  return safe.length > maxLength ? cut(safe, maxLength) : safe
}

function cut(text: string, maxLength: number): string {
  const kept = text.slice(0, maxLength - 1)
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}…`
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}
