/** One frame as the kernel saw it. */
export interface Frame {
  /** Milliseconds since the epoch, with a fraction. */
  readonly timeMs: number
  /** What was captured, from the Ethernet header on. */
  readonly bytes: Buffer
  /** How long the frame was on the wire. */
  readonly wireLength: number
}

/** Reads a little-endian pcap stream (what tcpdump writes here) as it arrives. */
export class PcapReader {
  readonly #onFrame: (frame: Frame) => void
  #pending: Buffer[] = []
  #size = 0
  #wanted = 24
  #header: { readonly timeMs: number; readonly wireLength: number } | undefined
  #started = false

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Takes the next piece of the stream. @throws Error when it is not pcap. */
  push(piece: Buffer): void {
    this.#pending.push(piece)
    this.#size += piece.length
    if (this.#size < this.#wanted) return
    let rest = this.#pending.length === 1 ? piece : Buffer.concat(this.#pending)
    while (rest.length >= this.#wanted) {
      const part = rest.subarray(0, this.#wanted)
      rest = rest.subarray(this.#wanted)
      this.#take(part)
    }
    this.#pending = rest.length === 0 ? [] : [rest]
    this.#size = rest.length
  }

  #take(part: Buffer): void {
    if (!this.#started) {
      if (part.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error('not a little-endian microsecond pcap stream')
      this.#started = true
      this.#wanted = 16
    } else if (this.#header === undefined) {
      this.#header = {
        timeMs: part.readUInt32LE(0) * 1000 + part.readUInt32LE(4) / 1000,
        wireLength: part.readUInt32LE(12),
      }
      this.#wanted = part.readUInt32LE(8)
      if (this.#wanted === 0) this.#take(Buffer.alloc(0))
    } else {
      // A copy: the frame must not hold the whole pipe buffer in memory.
      this.#onFrame({ ...this.#header, bytes: Buffer.from(part) })
      this.#header = undefined
      this.#wanted = 16
    }
  }
}
