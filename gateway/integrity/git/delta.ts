import { GatewayError } from '../../errors.ts'

/**
 * Applies a delta of a pack (gitformat-pack(5), "Deltified representation") to its base.
 * @throws GatewayError SOURCE_UNREADABLE when it is none, or does not fit the base
 */
export function applyDelta(base: Uint8Array, delta: Uint8Array, mostBytes: number): Buffer {
  const reading = new Reading(delta)
  if (reading.size() !== base.length) throw broken('its base has another length')
  const length = reading.size()
  if (length > mostBytes) throw broken(`it makes more than ${mostBytes} bytes`)
  const result = Buffer.allocUnsafe(length)
  let at = 0
  while (!reading.isOver) {
    const instruction = reading.byte()
    if (instruction === 0) throw broken('it holds the reserved instruction')
    const piece = (instruction & 0x80) === 0 ? reading.bytes(instruction) : copied(base, instruction, reading)
    if (at + piece.length > length) throw broken('it makes more than it says')
    result.set(piece, at)
    at += piece.length
  }
  if (at !== length) throw broken('it makes less than it says')
  return result
}

/** Bits of the instruction say which bytes of offset (four) and size (three) are there, lowest first. */
function copied(base: Uint8Array, instruction: number, reading: Reading): Uint8Array {
  let offset = 0
  let size = 0
  for (let bit = 0; bit < 4; bit += 1) if ((instruction & (1 << bit)) !== 0) offset += reading.byte() * 256 ** bit
  for (let bit = 0; bit < 3; bit += 1) if ((instruction & (0x10 << bit)) !== 0) size += reading.byte() * 256 ** bit
  if (size === 0) size = 0x1_0000
  if (offset + size > base.length) throw broken('it copies from beyond its base')
  return base.subarray(offset, offset + size)
}

class Reading {
  readonly #delta: Uint8Array
  #at = 0

  constructor(delta: Uint8Array) {
    this.#delta = delta
  }

  get isOver(): boolean {
    return this.#at >= this.#delta.length
  }

  byte(): number {
    const byte = this.#delta[this.#at]
    if (byte === undefined) throw broken('it ends too early')
    this.#at += 1
    return byte
  }

  bytes(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#delta.length) throw broken('it ends too early')
    const bytes = this.#delta.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  /** Seven bits a byte, lowest first. */
  size(): number {
    let size = 0
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.byte()
      size += (byte & 0x7f) * scale
      if (byte < 0x80) return size
    }
    throw broken('a length is beyond all bounds')
  }
}

function broken(why: string): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `a delta of a git pack is broken: ${why}`)
}
