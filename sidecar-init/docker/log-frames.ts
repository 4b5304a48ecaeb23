/** A piece of what a container has said. */
export interface Said {
  readonly stream: 'output' | 'errors'
  readonly data: Buffer
}

/**
 * Tells apart the two streams of a container that the engine sends as one: frames of a stream's number (1 output, 2
 * errors), three zeros, a length (big-endian) and so many bytes.
 */
export class LogFrames {
  /** Of the frame that is being received. */
  #header: Buffer = Buffer.alloc(0)
  #left = 0

  /** Takes what has arrived; returns what was said, at once and never kept, however long a frame is. */
  push(chunk: Buffer): readonly Said[] {
    const said: Said[] = []
    for (let rest = chunk; rest.length > 0;) {
      if (this.#left === 0) {
        const missing = 8 - this.#header.length
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (this.#header.length < 8) break
        this.#left = this.#header.readUInt32BE(4)
      } else {
        const data = rest.subarray(0, this.#left)
        said.push({ stream: this.#header[0] === 2 ? 'errors' : 'output', data })
        this.#left -= data.length
        rest = rest.subarray(data.length)
      }
      if (this.#left === 0) this.#header = Buffer.alloc(0)
    }
    return said
  }
}
