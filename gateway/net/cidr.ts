import { type Address, addressFromBytes, bytesOf, parseAddress } from './address.ts'

/** A block of addresses; `base` has no bits beyond the prefix. */
export interface Cidr {
  readonly base: Address
  /** Length in bits: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefix: number
}

/**
 * A block from `10.20.0.0/16`, `2001:db8::/32` or a single address (a /32 or /128). Bits beyond the prefix are cleared:
 * compare with `renderCidr()` to tell whether they were set. Undefined when it is not one.
 */
export function parseCidr(raw: string): Cidr | undefined {
  const [text = '', length, ...rest] = raw.split('/')
  const address = parseAddress(text)
  if (address === undefined || rest.length > 0) return undefined
  const bytes = bytesOf(address)
  const bits = bytes.length * 8
  if (length === undefined) return { base: address, prefix: bits }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined
  // ::ffff:10.0.0.0/104 is the IPv4 block 10.0.0.0/8 in another spelling.
  const prefix = text.includes(':') && bits === 32 ? Number(length) - 96 : Number(length)
  if (prefix < 0 || prefix > bits) return undefined
  const block = blockOf(address, prefix)
  // A base that changed its family (::ffff:0:0/96 and wider, cut to IPv6) has no one meaning.
  return block.base.includes(':') === address.includes(':') ? block : undefined
}

/** The block of `prefix` bits that holds the address. */
export function blockOf(address: Address, prefix: number): Cidr {
  const masked = bytesOf(address).map((byte, index) => byte & maskByte(prefix, index))
  return { base: addressFromBytes(masked) ?? address, prefix }
}

/** The last address of the block. */
export function lastOf({ base, prefix }: Cidr): Address {
  return addressFromBytes(bytesOf(base).map((byte, index) => byte | (~maskByte(prefix, index) & 0xff))) ?? base
}

/** The canonical text; a single address is written without its length. */
export function renderCidr(cidr: Cidr): string {
  return cidr.prefix === (cidr.base.includes(':') ? 128 : 32) ? cidr.base : `${cidr.base}/${String(cidr.prefix)}`
}

/** Whether the block holds the address; the families must be equal. */
export function contains(cidr: Cidr, address: Address): boolean {
  return blockTest(cidr)(bytesOf(address))
}

/** The same for many addresses, by their bytes: what the block says is worked out once. */
export function blockTest({ base, prefix }: Cidr): (bytes: readonly number[]) => boolean {
  const wanted = bytesOf(base)
  const mask = wanted.map((_, index) => maskByte(prefix, index))
  return bytes =>
    bytes.length === wanted.length && wanted.every((byte, index) => byte === ((bytes[index] ?? 0) & (mask[index] ?? 0)))
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8))
  return (0xff << (8 - bits)) & 0xff
}
