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
  const list = Array.from(bytes)
  if (list.length !== 16 || !list.every(isByte)) return undefined
  if (isV4Mapped(list)) return list.slice(12).join('.') as Address
  return renderV6(list) as Address
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

function isV4Mapped(bytes: readonly number[]): boolean {
  return bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255 && bytes[11] === 255
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function renderV6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
  let best = { start: 0, length: 1 }
  let run = { start: 0, length: 0 }
  for (const [index, group] of groups.entries()) {
    run =
      group === 0 ? { start: run.length === 0 ? index : run.start, length: run.length + 1 } : { start: 0, length: 0 }
    if (run.length > best.length) best = run
  }
  if (best.length < 2) return renderGroups(groups)
  return `${renderGroups(groups.slice(0, best.start))}::${renderGroups(groups.slice(best.start + best.length))}`
}

function renderGroups(groups: readonly number[]): string {
  return groups.map(group => group.toString(16)).join(':')
}
