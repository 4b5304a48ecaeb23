/** The grammar of HTTP/1 heads as a table: what each of the 256 octets may be part of (RFC 9110 §5.6, RFC 9112 §3.2). */
export const octetClass: Uint8Array = new Uint8Array(256)

/** Part of a token: methods and field names. */
export const token = 1
/** Part of a request target. Octets above 127 too: clients send them, and they are escaped before the path is compared. */
export const target = 2
/** Part of a field value or a reason phrase: no control characters but TAB. */
export const value = 4
/** A hexadecimal digit. */
export const hexDigit = 8

export const tab = 0x09
export const lineFeed = 0x0a
export const carriageReturn = 0x0d
export const space = 0x20
export const colon = 0x3a

function mark(characters: string, kind: number): void {
  for (let at = 0; at < characters.length; at += 1) {
    const octet = characters.charCodeAt(at)
    octetClass[octet] = (octetClass[octet] ?? 0) | kind
  }
}

for (let octet = 0x21; octet < 0x100; octet += 1) {
  // `#` starts a fragment, which is never sent; `\` is a slash to some servers and not to others.
  if (octet !== 0x7f) octetClass[octet] = value | (octet === 0x23 ? 0 : target)
}
mark(' \t', value)
mark("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", token)
mark('0123456789ABCDEFabcdef', hexDigit)

/** The value of a hexadecimal digit, 0 to 15; the octet must be one. */
export function hexValue(octet: number): number {
  return octet <= 0x39 ? octet - 0x30 : (octet | 0x20) - 0x57
}

/** Whether the token at `start` equals `lower` (lower-case, of the same length), whatever its case. */
export function equalsToken(bytes: Uint8Array, start: number, lower: string): boolean {
  for (let at = 0; at < lower.length; at += 1) {
    if (((bytes[start + at] ?? 0) | 0x20) !== lower.charCodeAt(at)) return false
  }
  return true
}

/** Whether a TAB stands between two offsets. */
export function hasTab(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] === tab) return true
  return false
}

/** One character per octet. */
export function latin1(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to)
}

/** Where `from` to `to` begins without the white space around it. */
export function trimmedStart(bytes: Uint8Array, from: number, to: number): number {
  let start = from
  while (start < to && isBlank(bytes[start])) start += 1
  return start
}

/** Where it ends; at `from` where there is nothing else. */
export function trimmedEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && isBlank(bytes[end - 1])) end -= 1
  return end
}

function isBlank(octet: number | undefined): boolean {
  return octet === space || octet === tab
}
