import type { Canary } from './values.ts'

/** How a canary was written where it was found. */
export type Encoding =
  | 'as it is'
  | 'base64'
  | 'base64 twice'
  | 'base64 three times'
  | 'base32'
  | 'hex'
  | 'hex of base64'
  | 'base64 of hex'
  | 'percent-encoded'
  | 'escaped'
  | 'UTF-16'
  | 'base64 of UTF-16'
  | 'backwards'

/** Octets that prove a canary: they occur only where it, or what was made of it, does. */
export interface Pattern {
  readonly bytes: Buffer
  readonly canary: Canary
  readonly encoding: Encoding
}

/** The patterns of canaries in any text or body. Pure. */
export function patternsOf(canaries: readonly Canary[]): readonly Pattern[] {
  return canaries.flatMap(canary =>
    canary.anchors.flatMap(anchor =>
      encodingsOf(Buffer.from(anchor, 'latin1')).map(([encoding, bytes]) => ({ bytes, canary, encoding })),
    ),
  )
}

/** The encodings that can be told from each other in a host name, whose letters have no case. */
const encodingsOfNames: ReadonlySet<Encoding> = new Set([
  'as it is',
  'base64',
  'base64 twice',
  'base32',
  'hex',
  'hex of base64',
  'base64 of hex',
])

/** The patterns of canaries in host names, in lower case. Pure. */
export function patternsOfNames(canaries: readonly Canary[]): readonly Pattern[] {
  return patternsOf(canaries)
    .filter(({ encoding }) => encodingsOfNames.has(encoding))
    .map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1') }))
}

type Encoded = readonly [Encoding, Buffer]

// An anchor is letters and digits, and so is its base64 at any alignment: the two other characters of base64 would need a
// ">", "?" or "~" in it. Hence there is one form for base64 and base64url, and none of them is changed by percent-encoding.
function encodingsOf(anchor: Buffer): readonly Encoded[] {
  const once = base64(anchor)
  const twice = once.flatMap(base64)
  const hexes = hex(anchor)
  const wide = Buffer.from(anchor.toString('latin1'), 'utf16le')
  return [
    ...as('as it is', [anchor]),
    ...as('base64', once),
    ...as('base64 twice', twice),
    ...as('base64 three times', twice.flatMap(base64)),
    ...as('base32', base32(anchor)),
    ...as('hex', [...hexes, ...separated(anchor, '', ' '), ...separated(anchor, '', ':')]),
    ...as('hex of base64', once.flatMap(hex)),
    ...as('base64 of hex', hexes.flatMap(base64)),
    ...as('percent-encoded', separated(anchor, '%', '')),
    ...as('escaped', separated(anchor, String.raw`\x`, '')),
    ...as('UTF-16', [wide]),
    ...as('base64 of UTF-16', base64(wide)),
    ...as('backwards', [Buffer.from(anchor.toReversed())]),
  ]
}

function as(encoding: Encoding, all: readonly Buffer[]): readonly Encoded[] {
  return all.map(bytes => [encoding, bytes])
}

/** The characters of base64 that `bytes` alone decide, for each number of octets that may stand before it in a group. */
function base64(bytes: Buffer): readonly Buffer[] {
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return decided(text, before, bytes.length, 6)
  })
}

const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The same of base32 (RFC 4648 §6), in both cases. */
function base32(bytes: Buffer): readonly Buffer[] {
  return [0, 1, 2, 3, 4].flatMap(before => {
    const bits = [...Buffer.alloc(before), ...bytes].map(octet => octet.toString(2).padStart(8, '0')).join('')
    const text = (bits.match(/.{5}/g) ?? []).map(five => base32Alphabet[Number.parseInt(five, 2)]).join('')
    const upper = decided(text, before, bytes.length, 5)
    return [upper, Buffer.from(upper.toString('latin1').toLowerCase(), 'latin1')]
  })
}

function decided(text: string, before: number, length: number, bitsEach: number): Buffer {
  const first = Math.ceil((before * 8) / bitsEach)
  const end = Math.floor(((before + length) * 8) / bitsEach)
  return Buffer.from(text.slice(first, end), 'latin1')
}

function hex(bytes: Buffer): readonly Buffer[] {
  const lower = bytes.toString('hex')
  return bothCases(lower)
}

/** Each octet in hex with something before it, and something between one and the next. */
function separated(bytes: Buffer, before: string, between: string): readonly Buffer[] {
  const cases = [bytes.toString('hex'), bytes.toString('hex').toUpperCase()]
  return cases.map(digits =>
    Buffer.from((digits.match(/../g) ?? []).map(pair => `${before}${pair}`).join(between), 'latin1'),
  )
}

function bothCases(lower: string): readonly Buffer[] {
  return [lower, lower.toUpperCase()].map(text => Buffer.from(text, 'latin1'))
}
