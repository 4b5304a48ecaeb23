/**
 * Cuts a TCP byte stream into DNS messages (two bytes of length before each, RFC 1035 §4.2.2). Copies each byte once,
 * however small the pieces; holds at most one unfinished message.
 */
export class Frames {
  #length: number | undefined
  #firstByte: number | undefined
  #message = Buffer.alloc(0)
  #filled = 0

  /** Hands every message that `chunk` completes to `onMessage`, in order. */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#length === undefined) {
        this.#readLength(chunk[at] ?? 0)
        at += 1
      } else {
        const copied = chunk.copy(this.#message, this.#filled, at, at + this.#length - this.#filled)
        this.#filled += copied
        at += copied
      }
      if (this.#length !== undefined && this.#filled === this.#length) {
        this.#length = undefined
        onMessage(this.#message)
      }
    }
  }

  #readLength(byte: number): void {
    if (this.#firstByte === undefined) {
      this.#firstByte = byte
      return
    }
    this.#length = (this.#firstByte << 8) | byte
    this.#firstByte = undefined
    this.#message = Buffer.allocUnsafe(this.#length)
    this.#filled = 0
  }
}

/** `message` with its length in front, ready for a TCP stream. */
export function renderFrame(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(message.length + 2)
  frame.writeUInt16BE(message.length, 0)
  message.copy(frame, 2)
  return frame
}
