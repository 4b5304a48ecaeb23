/** Bits that the table answers at once; longer codes, which are rare, are walked. */
const tableBits = 10
const longest = 15

/** A code of DEFLATE (RFC 1951 §3.2.2), given by the length of each symbol's code. */
export class Huffman {
  /** By the next `tableBits` bits: symbol × 16 + length; 0 where the code is longer, or none. */
  readonly table = new Uint16Array(1 << tableBits)
  readonly #count = new Uint16Array(longest + 1)
  readonly #symbols: Uint16Array

  /**
   * `mayBeOne`: a lone code of one bit is none too few (RFC 1951 §3.2.7, of distances).
   * @throws RangeError when the codes are too many or too few for their lengths, as in zlib
   */
  constructor(lengths: Uint8Array, mayBeOne = true) {
    const count = this.#count
    for (const length of lengths) count[length] = (count[length] ?? 0) + 1
    count[0] = 0
    let left = 1
    const next = new Uint16Array(longest + 1)
    const offset = new Uint16Array(longest + 2)
    let code = 0
    for (let length = 1; length <= longest; length += 1) {
      left = left * 2 - (count[length] ?? 0)
      if (left < 0) throw new RangeError('more codes than bits can tell apart')
      code = (code + (count[length - 1] ?? 0)) << 1
      next[length] = code
      offset[length + 1] = (offset[length] ?? 0) + (count[length] ?? 0)
    }
    const longestUsed = Math.max(...lengths)
    if (left > 0 && longestUsed > 0 && !(mayBeOne && longestUsed === 1)) throw new RangeError('bits without a code')
    this.#symbols = new Uint16Array(offset[longest + 1] ?? 0)
    lengths.forEach((length, symbol) => {
      if (length === 0) return
      const at = offset[length] ?? 0
      this.#symbols[at] = symbol
      offset[length] = at + 1
      const own = next[length] ?? 0
      next[length] = own + 1
      if (length <= tableBits) this.#fill(reversed(own, length), length, symbol)
    })
  }

  /** The symbol that `bits` begin with, × 16 + its length; 0 when there is none in the `available` bits. */
  read(bits: number, available: number): number {
    const entry = this.table[bits & ((1 << tableBits) - 1)] ?? 0
    if (entry !== 0) return (entry & 15) <= available ? entry : 0
    return this.#walk(bits, available)
  }

  #fill(from: number, length: number, symbol: number): void {
    for (let at = from; at < 1 << tableBits; at += 1 << length) this.table[at] = symbol * 16 + length
  }

  /** Bit by bit: codes of a length are numbers in a row, and those of the next begin behind them, doubled. */
  #walk(bits: number, available: number): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= Math.min(longest, available); length += 1) {
      code |= (bits >>> (length - 1)) & 1
      const count = this.#count[length] ?? 0
      if (code - first < count) return (this.#symbols[index + code - first] ?? 0) * 16 + length
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return 0
  }
}

/** Codes come with their highest bit first, numbers with their lowest (RFC 1951 §3.1.1). */
function reversed(code: number, length: number): number {
  let result = 0
  for (let bit = 0; bit < length; bit += 1) result |= ((code >>> bit) & 1) << (length - 1 - bit)
  return result
}
