/** A helper says a few lines; one that floods is cut off. */
const maxBytes = 65_536

/**
 * Tells apart the two streams of a container that the engine sends as one: frames of a stream's number (1 output, 2
 * errors), three zeros, a length (big-endian) and so many bytes.
 */
export class LogFrames {
  readonly #streams: Readonly<Record<1 | 2, Buffer[]>> = { 1: [], 2: [] }
  #rest: Buffer = Buffer.alloc(0)
  #bytes = 0

  /** Takes what has arrived; true when a frame of the output has become whole. */
  push(chunk: Buffer): boolean {
    let isOutput = false
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 8) {
      const end = 8 + this.#rest.readUInt32BE(4)
      if (this.#rest.length < end) break
      const stream = this.#rest[0] === 2 ? 2 : 1
      this.#bytes += end
      if (this.#bytes <= maxBytes) this.#streams[stream].push(this.#rest.subarray(8, end))
      isOutput ||= stream === 1
      this.#rest = this.#rest.subarray(end)
    }
    if (this.#rest.length > maxBytes) this.#rest = Buffer.alloc(0)
    return isOutput
  }

  /** All that a stream has said. */
  text(stream: 1 | 2): string {
    return Buffer.concat(this.#streams[stream]).toString('utf8')
  }
}
