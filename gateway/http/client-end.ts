import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Sender } from './sender.ts'

/** A client that is still sending gets this long after the kernel has the last of the answer, in milliseconds. */
const defaultLingerMs = 5_000

/** The client's socket: how it is written to, and the three ways its connection ends. */
export class ClientEnd {
  readonly #socket: Socket
  readonly #sender: Sender
  readonly #lingerMs: number
  #linger: NodeJS.Timeout | undefined
  #isFinishing = false

  constructor(socket: Socket, lingerMs = defaultLingerMs) {
    this.#socket = socket
    this.#lingerMs = lingerMs
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

  /**
   * Sends what is written, however slowly the client reads, then the end; the client may still send for a while, so that a reset does
   * not overtake the answer. One that does not read at all is for the StallWatch.
   */
  finish(): void {
    if (this.#isFinishing || this.#socket.destroyed) return
    this.#isFinishing = true
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.#linger = setTimeout(() => this.#socket.destroy(), this.#lingerMs)
    })
    this.#socket.resume()
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
