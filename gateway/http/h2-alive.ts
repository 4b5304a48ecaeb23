import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/**
 * Asks the peer of a session for signs of life, and ends what shows none. Node's sessions do not see all ends themselves:
 * after a GOAWAY and then a fault of the protocol one reads no more, and so never learns that its peer has gone; and one
 * that was destroyed may wait without end for a peer that does not close.
 */
export class SignOfLife {
  readonly #session: Http2Session
  readonly #socket: Socket
  #isAwaited = false

  constructor(session: Http2Session, socket: Socket) {
    this.#session = session
    this.#socket = socket
  }

  /** Asks; without an answer to the question before, the session is over. Call it in intervals that any live peer keeps. */
  ask(): void {
    if (this.#session.destroyed) return void this.#socket.destroy()
    if (this.#isAwaited) return this.#session.destroy()
    this.#isAwaited = true
    const answered = (fault: Error | null): void => {
      if (fault === null) this.#isAwaited = false
    }
    // Node sends no PING on a session that is being closed; settings without a change are acknowledged as well.
    if (this.#session.closed) this.#session.settings({}, answered)
    else this.#session.ping(answered)
  }
}
