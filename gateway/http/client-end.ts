import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Sender } from './sender.ts'

/** A client that is still sending gets this long to read the last answer, in milliseconds. */
const lingerMs = 5_000

/** The client's socket: how it is written to, and the three ways its connection ends. */
export class ClientEnd {
  readonly #socket: Socket
  readonly #sender: Sender
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#sender = new Sender(socket)
    socket.setNoDelay(true)
    // `close` follows every error, and it is there that the exchange is accounted for.
    socket.on('error', () => undefined)
    socket.on('close', () => clearTimeout(this.#linger))
  }

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  /** It does not read as fast as it is answered. */
  get isBehind(): boolean {
    return this.#socket.writableNeedDrain
  }

  write(bytes: Buffer): boolean {
    return this.#sender.write(bytes)
  }

  bulk(bytes: Buffer): boolean {
    return this.#sender.bulk(bytes)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Sends what is written, then the end; the client may still send for a while, so that a reset does not overtake the answer. */
  finish(): void {
    this.#socket.end()
    this.#socket.resume()
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs)
  }

  /**
   * Shows that an answer is cut short. Where its length is known the bytes so far and an early end do that; where only
   * the end of the connection marks it, nothing but a broken connection does.
   */
  truncate(endsByClose: boolean): void {
    if (!endsByClose) this.#socket.destroySoon()
    // TLS has an end of its own, and it stays away; on plain TCP only a reset is not the end.
    else if (this.#socket instanceof TLSSocket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  /** The origin has finished; the client may still send. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
