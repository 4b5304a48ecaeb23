import type { Pattern } from './encodings.ts'

/** Octets that are looked at together; a pattern has at least three times as many. */
const block = 4
/** The table's size as a power of two: some thousand patterns fill a sixth of it, and it stays in the processor's cache. */
const tableBits = 17
/** 2^32 divided by the golden ratio (Knuth, TAOCP vol. 3, §6.4): spreads what differs in any bit. */
const multiplier = 0x9e3779b1

/**
 * Finds many patterns at once (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994): of the shortest
 * pattern's length it looks at the last four octets, and skips as far as they occur in no pattern. A hit of the table is
 * only a candidate; what is told has been compared octet by octet.
 */
export class Matcher {
  /** Octets of the longest pattern. */
  readonly longest: number
  /** Octets of the shortest: no match is shorter. */
  readonly shortest: number
  readonly #skips: Uint8Array
  /** Patterns by the block that their first `shortest` octets end with. */
  readonly #buckets: ReadonlyMap<number, readonly Pattern[]>

  /** @throws RangeError when there is no pattern, or one is too short to be looked for */
  constructor(patterns: readonly Pattern[]) {
    const lengths = patterns.map(({ bytes }) => bytes.length)
    this.longest = Math.max(...lengths)
    this.shortest = Math.min(...lengths)
    if (!(this.shortest >= block) || this.shortest > 255) throw new RangeError(`patterns of ${this.shortest} octets`)
    this.#skips = new Uint8Array(1 << tableBits).fill(this.shortest - block + 1)
    const buckets = new Map<number, Pattern[]>()
    for (const pattern of patterns) {
      const view = viewOf(pattern.bytes)
      for (let end = block; end <= this.shortest; end += 1) {
        const at = placeOf(view, end - 1)
        this.#skips[at] = Math.min(this.#skips[at] ?? 0, this.shortest - end)
      }
      const last = placeOf(view, this.shortest - 1)
      const bucket = buckets.get(last)
      if (bucket === undefined) buckets.set(last, [pattern])
      else bucket.push(pattern)
    }
    this.#buckets = buckets
  }

  /** Tells each pattern that lies whole in `bytes`, in the order of their places. */
  find(bytes: Uint8Array, found: (pattern: Pattern) => void): void {
    const skips = this.#skips
    const { length } = bytes
    let end = this.shortest - 1
    const view = viewOf(bytes)
    while (end < length) {
      const at = placeOf(view, end)
      const skip = skips[at] ?? 0
      if (skip === 0) {
        this.#verify(bytes, end - this.shortest + 1, at, found)
        end += 1
      } else {
        end += skip
      }
    }
  }

  #verify(bytes: Uint8Array, start: number, place: number, found: (pattern: Pattern) => void): void {
    for (const pattern of this.#buckets.get(place) ?? []) {
      if (isAt(bytes, start, pattern.bytes)) found(pattern)
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Where the table keeps the block that ends at `last`. */
function placeOf(view: DataView, last: number): number {
  return Math.imul(view.getInt32(last - block + 1, true), multiplier) >>> (32 - tableBits)
}

function isAt(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  if (start + wanted.length > bytes.length) return false
  for (let at = 0; at < wanted.length; at += 1) if (bytes[start + at] !== wanted[at]) return false
  return true
}

/** One stream that is looked through in pieces, however it is cut. What it holds is one pattern's length. */
export class StreamMatcher {
  readonly #matcher: Matcher
  readonly #found: (pattern: Pattern) => void
  /** The end of what was seen, and room for the beginning of what comes. */
  readonly #seam: Buffer
  #kept = 0

  /** `found` may be told the same place twice. */
  constructor(matcher: Matcher, found: (pattern: Pattern) => void) {
    this.#matcher = matcher
    this.#found = found
    this.#seam = Buffer.alloc(2 * (matcher.longest - 1))
  }

  push(part: Uint8Array): void {
    const keep = this.#matcher.longest - 1
    if (this.#kept > 0) {
      // All that begins in what was kept and ends in this part.
      const taken = part.subarray(0, keep)
      this.#seam.set(taken, this.#kept)
      this.#matcher.find(this.#seam.subarray(0, this.#kept + taken.length), this.#found)
    }
    this.#matcher.find(part, this.#found)
    this.#remember(part, keep)
  }

  #remember(part: Uint8Array, keep: number): void {
    if (part.length >= keep) {
      this.#seam.set(part.subarray(part.length - keep), 0)
      this.#kept = keep
      return
    }
    // A short part stands behind what was kept already when there was some; the oldest of it goes.
    if (this.#kept === 0) this.#seam.set(part, 0)
    const whole = this.#kept + part.length
    const from = Math.max(0, whole - keep)
    this.#seam.copyWithin(0, from, whole)
    this.#kept = whole - from
  }
}
