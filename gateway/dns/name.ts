import type { Hostname } from '../net/hostname.ts'

/** Bytes a name may take on the wire, with its length bytes and the root (RFC 1035 §2.3.4). */
const maxNameBytes = 255
/** More jumps than a name has labels can only be a trap. */
const maxJumps = 128

/** A name as it stands in a message. */
export interface WireName {
  /** Lower-case labels, each behind its length byte: equal exactly when the names are equal, whatever bytes the labels hold. */
  readonly key: string
  /** Offset of the first byte after the name where it was read. */
  readonly end: number
}

/** Reads the 16 bits at `offset`; bytes past the end read as 0, so check the length first. */
export function readUint16(message: Uint8Array, offset: number): number {
  return ((message[offset] ?? 0) << 8) | (message[offset + 1] ?? 0)
}

/**
 * Reads a name that may be compressed (RFC 1035 §4.1.4). Work is bounded: 255 bytes of name, and each pointer must lead
 * behind the header and to a lower offset than the one before, so that a ladder or a loop of pointers ends. Undefined when it is malformed.
 */
export function readName(message: Uint8Array, offset: number): WireName | undefined {
  let at = offset
  let end = -1
  let lowest = offset
  let key = ''
  for (let jumps = 0; ;) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length === 0) return { key, end: end === -1 ? at + 1 : end }
    if (length >= 0xc0) {
      const target = ((length & 0x3f) << 8) | (message[at + 1] ?? 0)
      if (at + 1 >= message.length || target < 12 || target >= lowest || ++jumps > maxJumps) return undefined
      if (end === -1) end = at + 2
      at = lowest = target
      continue
    }
    const next = at + 1 + length
    if (length > 63 || next >= message.length || key.length + length + 2 > maxNameBytes) return undefined
    key += String.fromCharCode(length)
    for (let index = at + 1; index < next; index++) key += String.fromCharCode(lowerCase(message[index] ?? 0))
    at = next
  }
}

/** The offset after the name at `offset`, without following pointers; undefined when it is malformed. */
export function skipName(message: Uint8Array, offset: number): number | undefined {
  for (let at = offset; ;) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined
    if (length > 63 || at - offset > maxNameBytes) return undefined
    at += length + 1
  }
}

/** The ASCII lower case of one byte; DNS compares without case (RFC 4343). */
export function lowerCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte
}

/** Writes `host` in wire form, uncompressed; returns the offset after it. The target needs `host.length + 2` bytes. */
export function writeName(host: Hostname, target: Buffer, offset: number): number {
  // Byte by byte, the length of each label when its end is seen: this runs once per question to a resolver.
  let start = offset
  let at = offset + 1
  for (let index = 0; index < host.length; index++) {
    const code = host.charCodeAt(index)
    target[at] = code
    if (code === dot) {
      target[start] = at - start - 1
      start = at
    }
    at += 1
  }
  target[start] = at - start - 1
  target[at] = 0
  return at + 1
}

const dot = 0x2e

/**
 * The labels of an uncompressed wire name as text for a log line, in the escapes of RFC 1035 §5.1: a dot inside a label
 * is `\.`, any other byte outside printable ASCII is `\DDD`. The root is `.`.
 */
export function renderWireName(message: Uint8Array, offset: number): string {
  const labels: string[] = []
  let at = offset
  for (let length = message[at]; length !== undefined && length > 0 && length < 64; length = message[at]) {
    labels.push(Array.from(message.subarray(at + 1, at + 1 + length), escapeByte).join(''))
    at += length + 1
  }
  return labels.length === 0 ? '.' : labels.join('.')
}

function escapeByte(raw: number): string {
  const byte = lowerCase(raw)
  const text = String.fromCharCode(byte)
  if (/^[a-z0-9_-]$/.test(text)) return text
  return byte > 32 && byte < 127 ? `\\${text}` : `\\${String(byte).padStart(3, '0')}`
}
