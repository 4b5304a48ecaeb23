/** What is read of XML here needs a few of these; a hostile text has millions. */
const mostMarks = 20_000

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const references = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));/gi

/** The text that is written with character references (XML 1.0 §4.1, §4.6). What is none of them stays as it is. */
export function unescaped(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(references, (whole, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return named[name] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10_ffff ? String.fromCodePoint(code) : whole
  })
}

/**
 * The same text without comments and declarations, and with what is in CDATA sections escaped, so that whatever looks like
 * an element is one. Costs no more than the text's length.
 * @throws TypeError when one of them has no end, or when there are more than 20,000
 */
export function withoutMarks(text: string): string {
  const kept: string[] = []
  let at = 0
  for (let from = text.indexOf('<!'); from !== -1; from = text.indexOf('<!', at)) {
    if (kept.length > 2 * mostMarks) throw new TypeError(`it has more than ${mostMarks} comments and sections`)
    const [start, end] = marks.find(([begin]) => text.startsWith(begin, from)) ?? declaration
    const inside = from + start.length
    const close = text.indexOf(end, inside)
    if (close === -1) throw new TypeError('a comment or section in it has no end')
    const data = start === section ? text.slice(inside, close) : ''
    kept.push(text.slice(at, from), data.replaceAll('&', '&amp;').replaceAll('<', '&lt;'))
    at = close + end.length
  }
  return kept.length === 0 ? text : `${kept.join('')}${text.slice(at)}`
}

const section = '<![CDATA['
const declaration = ['<!', '>'] as const
const marks = [
  ['<!--', '-->'],
  [section, ']]>'],
] as const
