/** How far back a copy may reach (RFC 1951 §2). */
const reach = 32_768
/** Octets of a window's memory: so much is written before it is handed on. */
export const memorySize = 4 * reach

/** What was unpacked last, for copies to be made from, on its way out. */
export class SlidingWindow {
  readonly memory: Buffer
  /** Where the next octet goes. */
  at = 0
  /** Octets ever written. */
  total = 0
  readonly #out: (part: Buffer) => void
  #handedOn = 0

  /** `out` is handed pieces that are only valid during the call; `memory` has `memorySize` octets. */
  constructor(out: (part: Buffer) => void, memory: Buffer) {
    this.#out = out
    this.memory = memory
  }

  put(octet: number): void {
    this.#makeRoom(1)
    this.memory[this.at] = octet
    this.advance(1)
  }

  /** At most `reach` octets. */
  write(part: Buffer): void {
    this.#makeRoom(part.length)
    this.memory.set(part, this.at)
    this.advance(part.length)
  }

  /** Repeats `length` octets, at most 258, from `distance` before. @throws RangeError when that is before the beginning */
  copy(distance: number, length: number): void {
    if (distance > Math.min(reach, this.total)) throw new RangeError('a copy from before the beginning')
    this.#makeRoom(length)
    const { memory, at } = this
    if (distance >= length) memory.copyWithin(at, at - distance, at - distance + length)
    // What is copied may be made by the copy itself.
    else for (let to = at; to < at + length; to += 1) memory[to] = memory[to - distance] ?? 0
    this.advance(length)
  }

  /** So many octets were written at `at`. */
  advance(length: number): void {
    this.at += length
    this.total += length
  }

  handOn(): void {
    if (this.at === this.#handedOn) return
    const part = this.memory.subarray(this.#handedOn, this.at)
    this.#handedOn = this.at
    this.#out(part)
  }

  /** Makes room for so many octets; as much stays as a copy can reach. */
  #makeRoom(length: number): void {
    if (this.at + length <= memorySize) return
    this.handOn()
    this.memory.copyWithin(0, this.at - reach, this.at)
    this.at = reach
    this.#handedOn = reach
  }
}
