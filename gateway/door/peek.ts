import type { Socket } from 'node:net'
import { maxHelloBytes } from './client-hello.ts'
import { readOpening, settleOpening, type Opening } from './opening.ts'

/** How long to look. */
export interface PeekLimits {
  /** Until the first byte, in milliseconds. */
  readonly firstByteMs: number
  /** From the first byte until the opening can be told, in milliseconds. */
  readonly openingMs: number
}

/** How a connection begins. */
export interface Peeked {
  readonly opening: Opening
  /** Bytes that could not be put back, because the client has closed its side after them. Mostly empty. */
  readonly unread: Buffer
}

/**
 * Reads as much of a socket as it takes to tell its protocol, and puts all of it back: whoever reads next reads from the
 * first byte. Bounded in bytes and in time. Settles also when the client closes; never rejects.
 */
export function peek(socket: Socket, limits: PeekLimits): Promise<Peeked> {
  return new Promise(resolve => {
    const seen = new ByteQueue()
    let need = 1
    let timer = setTimeout(finish, limits.firstByteMs)
    let openingTimer = false

    socket.on('readable', look)
    socket.on('end', finish)
    socket.on('close', finish)
    // Bytes may be there already: `readable` would not come again for them.
    if (socket.readableLength > 0) look()
    else if (socket.destroyed || socket.readableEnded) finish()

    function look(): void {
      for (let chunk = readChunk(socket); chunk !== null; chunk = readChunk(socket)) seen.push(chunk)
      if (seen.length > 0 && !openingTimer) {
        openingTimer = true
        clearTimeout(timer)
        timer = setTimeout(finish, limits.openingMs)
      }
      if (seen.length < need) return
      const read = readOpening(seen.bytes)
      if (read.kind !== 'incomplete') return settle(read)
      if (seen.length > maxHelloBytes) return finish()
      need = read.need
    }

    /** No more bytes come, or none that are waited for. */
    function finish(): void {
      settle(settleOpening(seen.bytes))
    }

    function settle(opening: Opening): void {
      clearTimeout(timer)
      socket.off('readable', look)
      socket.off('end', finish)
      socket.off('close', finish)
      const bytes = seen.bytes
      const canPutBack = !socket.destroyed && !socket.readableEnded
      if (bytes.length > 0 && canPutBack) socket.unshift(bytes)
      resolve({ opening, unread: canPutBack ? Buffer.alloc(0) : bytes })
    }
  })
}

function readChunk(socket: Socket): Buffer | null {
  const chunk: unknown = socket.read()
  return Buffer.isBuffer(chunk) ? chunk : null
}

/** Bytes in one piece, grown by doubling: a hello in one-byte segments must not cost its square. */
class ByteQueue {
  #store: Buffer = Buffer.alloc(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return this.#store.subarray(0, this.#length)
  }

  push(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (this.#length === 0) {
      this.#store = chunk
    } else {
      if (length > this.#store.length) {
        const grown = Buffer.allocUnsafe(Math.max(length, this.#store.length * 2))
        this.#store.copy(grown, 0, 0, this.#length)
        this.#store = grown
      }
      chunk.copy(this.#store, this.#length)
    }
    this.#length = length
  }
}
