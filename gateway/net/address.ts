import type { Brand } from './brand.ts'
import type { Hostname } from './hostname.ts'

/** An IP address in canonical text (RFC 5952 for IPv6; IPv4-mapped is unwrapped to IPv4). */
export type Address = Brand<string, 'Address'>

/** The canonical address, or undefined. Only the standard spellings: no octal, hex or short IPv4, no zone, no brackets. */
export function parseAddress(raw: string): Address | undefined {
  const bytes = raw.includes(':') ? parseV6(raw) : parseV4(raw)
  return bytes === undefined ? undefined : addressFromBytes(bytes)
}

/** 4 or 6. */
export function familyOf(address: Address): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

/** Tells an address from a name: names never hold a colon and never end in a number. */
export function isAddress(host: Address | Hostname): host is Address {
  return host.includes(':') || /^[0-9.]+$/.test(host)
}

/** The 4 or 16 bytes of an address, in network order. */
export function bytesOf(address: Address): readonly number[] {
  const bytes = familyOf(address) === 4 ? parseV4(address) : parseV6(address)
  if (bytes === undefined) throw new TypeError(`not an address: ${JSON.stringify(address)}`)
  return bytes
}

/** The address of 4 or 16 bytes in network order (a DNS answer, a socket); ::ffff:0:0/96 becomes IPv4. Undefined for other lengths. */
export function addressFromBytes(bytes: ArrayLike<number>): Address | undefined {
  if (bytes.length === 4) {
    // No copy: this runs once per DNS answer.
    const { 0: a = -1, 1: b = -1, 2: c = -1, 3: d = -1 } = bytes
    return isByte(a) && isByte(b) && isByte(c) && isByte(d) ? (`${a}.${b}.${c}.${d}` as Address) : undefined
  }
  if (bytes.length !== 16) return undefined
  for (let index = 0; index < 16; index++) if (!isByte(bytes[index] ?? -1)) return undefined
  if (!isV4Mapped(bytes)) return renderV6(bytes) as Address
  const { 12: a, 13: b, 14: c, 15: d } = bytes
  return `${a}.${b}.${c}.${d}` as Address
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255
}

const v4 = /^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/

function parseV4(raw: string): readonly number[] | undefined {
  const bytes = v4.exec(raw)?.slice(1).map(Number)
  return bytes?.every(byte => byte <= 255) === true ? bytes : undefined
}

function parseV6(raw: string): readonly number[] | undefined {
  // 45 characters: the longest spelling, six groups and a dotted quad.
  if (raw.length > 45) return undefined
  const halves = raw.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 1 ? [] : parseGroups(halves[1] ?? '', true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  // `::` stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail]
}

/** Bytes of `a:b:c`, or of `a:b:1.2.3.4` where the end of the address may be a dotted quad. */
function parseGroups(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
      continue
    }
    const quad = isEnd && index === groups.length - 1 ? parseV4(group) : undefined
    if (quad === undefined) return undefined
    bytes.push(...quad)
  }
  return bytes
}

function isV4Mapped(bytes: ArrayLike<number>): boolean {
  for (let index = 0; index < 10; index++) if (bytes[index] !== 0) return false
  return bytes[10] === 255 && bytes[11] === 255
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function renderV6(bytes: ArrayLike<number>): string {
  // Without a run of two it stands behind the end. Plain loops: this runs once per DNS answer.
  let best = 8
  let length = 1
  for (let group = 0, zeros = 0; group < 8; group++) {
    zeros = groupAt(bytes, group) === 0 ? zeros + 1 : 0
    if (zeros <= length) continue
    length = zeros
    best = group + 1 - zeros
  }
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group >= best && group < best + length) {
      if (group === best) text += '::'
      continue
    }
    if (group > 0 && group !== best + length) text += ':'
    text += groupAt(bytes, group).toString(16)
  }
  return text
}

function groupAt(bytes: ArrayLike<number>, group: number): number {
  return ((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0)
}
