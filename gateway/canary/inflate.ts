import { BitReader } from './bit-reader.ts'
import { Huffman } from './huffman.ts'
import { memorySize, SlidingWindow } from './sliding-window.ts'

/** Octets of a stored block that are taken at once. */
const maxPiece = 32_768

// RFC 1951 §3.2.5 and §3.2.7.
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12_289, 16_385, 24_577,
]
const distanceExtra = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
const endOfBlock = 256

const fixedLengths = Uint8Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8))
const fixed = { literals: new Huffman(fixedLengths), distances: new Huffman(new Uint8Array(32).fill(5)) }

/** What comes next in the stream. */
type Doing = 'block' | 'stored' | 'symbols' | 'over' | 'broken'

/**
 * Unpacks DEFLATE as it comes (RFC 1951), in memory that does not grow, and without waiting, as the streams of `node:zlib`
 * do: what it holds must be known before the packed octets are passed on. Never throws; what is no DEFLATE ends it.
 */
export class Inflate {
  readonly #window: SlidingWindow
  readonly #source = new BitReader()
  #doing: Doing = 'block'
  #isLast = false
  #stored = 0
  #literals = fixed.literals
  #distances = fixed.distances

  /** `out` is handed pieces that are only valid during the call. `memory`: `memorySize` octets, for nobody else meanwhile. */
  constructor(out: (part: Buffer) => void, memory: Buffer = Buffer.allocUnsafe(memorySize)) {
    this.#window = new SlidingWindow(out, memory)
  }

  get isOver(): boolean {
    return this.#doing === 'over'
  }

  get isBroken(): boolean {
    return this.#doing === 'broken'
  }

  /** Takes the next octets; `budget` is how many may come out of it: then it stops, and goes on at the next call. */
  push(part: Buffer, budget: number): void {
    this.#source.push(part)
    const end = this.#window.total + budget
    try {
      while (this.#window.total < end && this.#step());
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      this.#doing = 'broken'
    }
    this.#window.handOn()
    // What is left of a part is the caller's own again; more than some octets it is only when the budget ended this.
    if (this.#doing === 'over' || this.#doing === 'broken') return
    this.#source.keep()
  }

  /** What was pushed and is not DEFLATE any more; whole octets only. Asked when it is over, or broken, at once. */
  get leftOver(): Buffer {
    return this.#source.leftOver
  }

  /** One block's head, a piece of a stored one, or some symbols; false when there is too little input for it. */
  #step(): boolean {
    switch (this.#doing) {
      case 'block':
        return this.#source.attempt(() => this.#beginBlock())
      case 'stored':
        return this.#copyStored()
      case 'symbols':
        return this.#readSymbols()
      case 'over':
      case 'broken':
        return false
      default:
        return false
    }
  }

  #beginBlock(): boolean {
    if (!this.#source.need(3)) return false
    const isLast = this.#source.take(1) === 1
    const kind = this.#source.take(2)
    if (kind === 3) throw new RangeError('no such block')
    if (kind === 0 ? !this.#beginStored() : !this.#beginCodes(kind === 2)) return false
    this.#isLast = isLast
    return true
  }

  #beginStored(): boolean {
    this.#source.take(this.#source.count & 7)
    if (!this.#source.need(16)) return false
    const length = this.#source.take(16)
    if (!this.#source.need(16)) return false
    if ((this.#source.take(16) ^ 0xffff) !== length) throw new RangeError('a stored block’s length is wrong')
    this.#stored = length
    this.#doing = 'stored'
    return true
  }

  #beginCodes(isDynamic: boolean): boolean {
    const codes = isDynamic ? this.#readCodes() : fixed
    if (codes === undefined) return false
    this.#literals = codes.literals
    this.#distances = codes.distances
    this.#doing = 'symbols'
    return true
  }

  #readCodes(): { readonly literals: Huffman; readonly distances: Huffman } | undefined {
    if (!this.#source.need(14)) return undefined
    const literals = this.#source.take(5) + 257
    const distances = this.#source.take(5) + 1
    const count = this.#source.take(4) + 4
    if (literals > 286 || distances > 30) throw new RangeError('too many codes')
    const own = new Uint8Array(19)
    for (const place of lengthOrder.slice(0, count)) {
      if (!this.#source.need(3)) return undefined
      own[place] = this.#source.take(3)
    }
    const code = new Huffman(own, false)
    const lengths = new Uint8Array(literals + distances)
    for (let at = 0; at < lengths.length;) {
      const symbol = this.#source.symbol(code)
      if (symbol === undefined) return undefined
      if (symbol < 16) {
        lengths[at] = symbol
        at += 1
        continue
      }
      const [extra, base] = symbol === 16 ? [2, 3] : symbol === 17 ? [3, 3] : [7, 11]
      if (!this.#source.need(extra)) return undefined
      const end = at + base + this.#source.take(extra)
      if (end > lengths.length || (symbol === 16 && at === 0)) throw new RangeError('a repeat without its place')
      lengths.fill(symbol === 16 ? (lengths[at - 1] ?? 0) : 0, at, end)
      at = end
    }
    if (lengths[endOfBlock] === 0) throw new RangeError('a block without an end')
    return { literals: new Huffman(lengths.subarray(0, literals)), distances: new Huffman(lengths.subarray(literals)) }
  }

  #copyStored(): boolean {
    // Octets that were read ahead as bits come first.
    if (this.#stored > 0 && this.#source.count >= 8) {
      this.#window.put(this.#source.take(8))
      this.#stored -= 1
      return true
    }
    const part = this.#source.input.subarray(this.#source.at, this.#source.at + Math.min(this.#stored, maxPiece))
    if (part.length === 0 && this.#stored > 0) return false
    this.#window.write(part)
    this.#source.at += part.length
    this.#stored -= part.length
    if (this.#stored === 0) this.#endBlock()
    return true
  }

  #endBlock(): void {
    this.#doing = this.#isLast ? 'over' : 'block'
  }

  #readSymbols(): boolean {
    this.#readLiterals()
    return this.#source.attempt(() => {
      const symbol = this.#source.symbol(this.#literals)
      if (symbol === undefined) return false
      if (symbol < endOfBlock) this.#window.put(symbol)
      else if (symbol === endOfBlock) this.#endBlock()
      else return this.#copyBack(symbol - 257)
      return true
    })
  }

  /** Literals in a row, while the input is surely long enough for one more: the same as below, without a way back. */
  #readLiterals(): void {
    const source = this.#source
    const { input } = source
    const window = this.#window
    const { memory } = window
    const literals = this.#literals
    let { at, bits, count } = source
    const from = window.at
    let to = from
    while (at + 2 <= input.length && to < memorySize) {
      while (count < 15) {
        bits |= (input[at] ?? 0) << count
        at += 1
        count += 8
      }
      const entry = literals.read(bits, count)
      if (entry === 0 || entry >>> 4 >= endOfBlock) break
      memory[to] = entry >>> 4
      to += 1
      bits >>>= entry & 15
      count -= entry & 15
    }
    source.at = at
    source.bits = bits
    source.count = count
    window.advance(to - from)
  }

  #copyBack(place: number): boolean {
    const base = lengthBase[place]
    if (base === undefined) throw new RangeError('no such length')
    const extra = lengthExtra[place] ?? 0
    if (!this.#source.need(extra)) return false
    const length = base + this.#source.take(extra)
    const far = this.#source.symbol(this.#distances)
    if (far === undefined) return false
    const more = distanceExtra[far] ?? 0
    if (!this.#source.need(more)) return false
    const distance = (distanceBase[far] ?? Infinity) + this.#source.take(more)
    this.#window.copy(distance, length)
    return true
  }
}
