/**
 * Writes DER (ITU-T X.690), as much of it as a certificate and a trust store need. Nothing here reads DER.
 */

/** One element: the tag, the length in its shortest form, the content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  let size = 0
  for (const part of content) size += part.length
  const header = lengthOctets(size)
  const out = Buffer.allocUnsafe(1 + header.length + size)
  out[0] = tag
  out.set(header, 1)
  let at = 1 + header.length
  for (const part of content) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return element(0x30, ...content)
}

export function setOf(...content: readonly Uint8Array[]): Buffer {
  return element(0x31, ...content)
}

export function octetString(content: Uint8Array): Buffer {
  return element(0x04, content)
}

/** A BIT STRING; `unusedBits` (0 to 7) of its last octet do not count. */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return element(0x03, Uint8Array.of(unusedBits), content)
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'))
}

/** A BMPString: UTF-16, big-endian. */
export function bmpString(text: string): Buffer {
  return element(0x1e, Buffer.from(text, 'utf16le').swap16())
}

/** An INTEGER of a value from 0 to 2³¹−1. */
export function integer(value: number): Buffer {
  const octets: number[] = []
  for (let rest = value; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff)
  return unsignedInteger(Uint8Array.from(octets.length === 0 ? [0] : octets))
}

/** An INTEGER of an unsigned big-endian number. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  const negative = (bytes[0] ?? 0) >= 0x80
  return negative ? element(0x02, Uint8Array.of(0), bytes) : element(0x02, bytes)
}

export const booleanTrue: Buffer = element(0x01, Uint8Array.of(0xff))
export const nullValue: Buffer = element(0x05)

/** A context-specific, constructed element: `[tagNumber] EXPLICIT`. */
export function explicit(tagNumber: number, ...content: readonly Uint8Array[]): Buffer {
  return element(0xa0 | tagNumber, ...content)
}

/** A context-specific, primitive element: `[tagNumber] IMPLICIT` over a primitive type. */
export function implicit(tagNumber: number, content: Uint8Array): Buffer {
  return element(0x80 | tagNumber, content)
}

/** An OBJECT IDENTIFIER from its dotted form, arcs below 2³¹. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const octets: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const base128 = [arc & 0x7f]
    for (let high = arc >>> 7; high > 0; high >>>= 7) base128.unshift(0x80 | (high & 0x7f))
    octets.push(...base128)
  }
  return element(0x06, Uint8Array.from(octets))
}

/** A certificate's time: UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). Whole seconds. */
export function time(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().replace(/\D/g, '').slice(0, 14)
  const year = Number(digits.slice(0, 4))
  if (year >= 1950 && year <= 2049) return element(0x17, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
  return element(0x18, Buffer.from(`${digits}Z`, 'latin1'))
}

function lengthOctets(size: number): Uint8Array {
  if (size < 0x80) return Uint8Array.of(size)
  const octets: number[] = []
  for (let rest = size; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff)
  return Uint8Array.of(0x80 | octets.length, ...octets)
}
