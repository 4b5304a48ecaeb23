import type { Socket } from 'node:net'
import { spent } from '../upstream/spent-buffers.ts'

/** Writes to one socket. What it is given is the socket's from then on and must not be changed. */
export class Sender {
  readonly #socket: Socket
  #corked = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** At once: heads and whole messages. False when the peer is behind: wait for `drain`. */
  write(bytes: Buffer): boolean {
    return this.#socket.write(bytes)
  }

  /** Gathers what comes in one turn of the event loop: TLS delivers bulk data in pieces of 16 KB, and one write for several saves an eighth of the CPU. */
  bulk(bytes: Buffer): boolean {
    spent(bytes.length)
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      setImmediate(this.#uncork)
    }
    return this.#socket.write(bytes)
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#socket.uncork()
  }
}
