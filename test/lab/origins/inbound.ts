import type { Readable } from 'node:stream'

/** How much may wait to be read before the socket is paused. */
const highWaterBytes = 262_144

/** Reads a socket piece by piece, and gives it back untouched when asked to. */
export class Inbound {
  readonly #socket: Readable
  readonly #onBytes: (piece: Buffer) => void
  #queue: Buffer[] = []
  #queued = 0
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: Readable, onBytes: (piece: Buffer) => void) {
    this.#socket = socket
    this.#onBytes = onBytes
    socket.on('data', this.#take)
    socket.on('end', this.#finish)
    socket.on('close', this.#finish)
    socket.on('error', this.#finish)
  }

  /** The next bytes, however many there are; `undefined` at the end. */
  async read(): Promise<Buffer | undefined> {
    while (this.#queue.length === 0) {
      if (this.#ended) return undefined
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    const piece = this.#queue.shift()
    this.#queued -= piece?.length ?? 0
    if (this.#queued < highWaterBytes) this.#socket.resume()
    return piece
  }

  /** Puts bytes back in front. */
  unread(piece: Buffer): void {
    if (piece.length === 0) return
    this.#queue.unshift(piece)
    this.#queued += piece.length
  }

  /** Bytes up to and including the mark, or what there was before the end. Longer than `limitBytes` gives up with what there is. */
  async readUntil(mark: string, limitBytes: number): Promise<Buffer> {
    let bytes: Buffer = Buffer.alloc(0)
    for (;;) {
      const at = bytes.indexOf(mark)
      if (at !== -1) {
        this.unread(bytes.subarray(at + mark.length))
        return bytes.subarray(0, at + mark.length)
      }
      const piece = bytes.length > limitBytes ? undefined : await this.read()
      if (piece === undefined) return bytes
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece])
    }
  }

  /** Stops reading; returns what had been read already. */
  release(): Buffer {
    this.#socket.pause()
    this.#socket.off('data', this.#take)
    this.#socket.off('end', this.#finish)
    this.#socket.off('close', this.#finish)
    return Buffer.concat(this.#queue.splice(0))
  }

  readonly #take = (piece: Buffer): void => {
    this.#onBytes(piece)
    this.#queue.push(piece)
    this.#queued += piece.length
    if (this.#queued >= highWaterBytes) this.#socket.pause()
    this.#wake?.()
  }

  readonly #finish = (): void => {
    this.#ended = true
    this.#wake?.()
  }
}
