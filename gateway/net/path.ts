/** Nearly every path: characters that are never escaped, and no segment that begins with a dot. It is in normal form. */
const plain = /^(?:\/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)+$/

/** What `loosePath` changes: an escape, a backslash, a parameter, an empty segment, or the slash at the end. */
const hasLooseForm = /[%\\;]|\/\/|[^]\/$/

/** ASCII in two, three or four bytes of what looks like UTF-8 (RFC 3629 §10): no encoder writes it, careless decoders read it. */
const overlong = /%C[01]%[89AB]|%E0%80%[89AB]|%F0%80%8/

/**
 * The normal form of a request target's path (RFC 3986 §6.2.2): the query is dropped, escapes of unreserved characters
 * are decoded, other escapes are written in upper case (`%2f` stays an escape), characters that must be escaped are,
 * then dot segments are removed. Normalising twice changes nothing.
 *
 * Undefined where servers disagree about what the path means, so that nothing is decided on a guess: not starting with
 * `/`, NUL, control characters, backslash, `#`, broken escapes, overlong UTF-8 (`%C0%AE` is a dot to some), dot segments
 * hidden behind `%2F`, `%5C` or `;`, and `..` after an empty segment. `raw` holds one byte per character, as Node gives it.
 */
export function normalisePath(raw: string): string | undefined {
  const queryAt = raw.indexOf('?')
  const path = queryAt < 0 ? raw : raw.slice(0, queryAt)
  if (plain.test(path)) return path
  if (!path.startsWith('/') || /[^\x21-\x7e\x80-\xff]|[\\#]|%(?![0-9A-Fa-f]{2})|%00/.test(path)) return undefined
  const escaped = withCanonicalEscapes(path)
  if (overlong.test(escaped)) return undefined
  const kept: string[] = []
  const segments = escaped.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (segment === '..') {
      if (kept.pop() === '') return undefined
      if (isLast) kept.push('')
    } else if (segment === '.') {
      if (isLast) kept.push('')
    } else if (hidesDots(segment)) {
      return undefined
    } else {
      kept.push(segment)
    }
  }
  return `/${kept.join('/')}`
}

/**
 * The path of a target that has a normal form, with its `..` segments left in it: what a server reads that does not
 * resolve them. Undefined when there are none, as nearly always.
 */
export function climbingPath(raw: string): string | undefined {
  if (!/\/(?:\.|%2e){2}/i.test(raw)) return undefined
  const [path = ''] = raw.split('?', 1)
  const escaped = withCanonicalEscapes(path)
  return escaped.split('/').includes('..') ? escaped : undefined
}

/**
 * The form in which refusing rules also look at a path, because some servers do: every escape decoded, `\` read as `/`,
 * parameters (`;…`) cut, empty segments merged, no trailing slash. Only ever used to refuse more.
 */
export function loosePath(path: string): string {
  if (!hasLooseForm.test(path)) return path
  const decoded = path.replace(/%([0-7][0-9A-F])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const segments = decoded.split(/[/\\]/).map(segment => segment.replace(/;.*$/s, ''))
  return `/${segments.filter(segment => segment !== '').join('/')}`
}

function withCanonicalEscapes(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}|["<>^`{|}\x80-\xff]/g, canonicalEscape)
}

function canonicalEscape(part: string): string {
  if (part.length === 1) return `%${part.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  const character = String.fromCharCode(Number.parseInt(part.slice(1), 16))
  return /[A-Za-z0-9._~-]/.test(character) ? character : part.toUpperCase()
}

/** Dots that a server sees only after it has decoded a separator or cut a parameter (`..%2F..`, `..;x`). */
function hidesDots(segment: string): boolean {
  return segment.includes('.') && segment.split(/%2F|%5C/).some(part => /^\.{1,2}(?:(?:;|%3B).*)?$/.test(part))
}
