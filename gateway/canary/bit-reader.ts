import type { Huffman } from './huffman.ts'

/** The bits of a DEFLATE stream that comes in pieces, lowest first (RFC 1951 §3.1.1). */
export class BitReader {
  input: Buffer = Buffer.alloc(0)
  /** Where the next octet of the input is. */
  at = 0
  /** Bits that were taken from the input and not yet read, and how many. */
  bits = 0
  count = 0

  /** Adds a piece, which is the caller's own; `keep` makes what is left of it ours. */
  push(part: Buffer): void {
    const rest = this.input.subarray(this.at)
    this.input = rest.length === 0 ? part : Buffer.concat([rest, part])
    this.at = 0
  }

  keep(): void {
    this.input = Buffer.from(this.input.subarray(this.at))
    this.at = 0
  }

  /** Whole octets that were not read. */
  get leftOver(): Buffer {
    return this.input.subarray(Math.max(0, this.at - (this.count >>> 3)))
  }

  /** Fills up to at least `n` bits, at most 24; false when the input ends before. */
  need(n: number): boolean {
    while (this.count < n) {
      if (this.at >= this.input.length) return false
      this.bits |= (this.input[this.at] ?? 0) << this.count
      this.at += 1
      this.count += 8
    }
    return true
  }

  /** The next `n` bits as a number; they are there. */
  take(n: number): number {
    const value = this.bits & ((1 << n) - 1)
    this.bits >>>= n
    this.count -= n
    return value
  }

  /** The next symbol; undefined when the input ends in it. @throws RangeError when there is no such code */
  symbol(code: Huffman): number | undefined {
    // At the very end there may be fewer bits than the longest code has, and enough for this one.
    this.need(15)
    const entry = code.read(this.bits, this.count)
    if (entry === 0) {
      if (this.count >= 15) throw new RangeError('no such code')
      return undefined
    }
    this.take(entry & 15)
    return entry >>> 4
  }

  /** Goes back to where it began when `read` finds that the input ends in the middle. */
  attempt(read: () => boolean): boolean {
    const { at, bits, count } = this
    if (read()) return true
    this.at = at
    this.bits = bits
    this.count = count
    return false
  }
}
