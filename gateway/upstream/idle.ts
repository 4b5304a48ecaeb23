import type { Socket } from 'node:net'
import type { Alpn, Reuse, UpstreamConnection } from './pool.ts'

/** A connection as the pool knows it. */
export interface PooledConnection extends UpstreamConnection {
  reused: boolean
  readonly socket: Socket
}

interface Kept {
  readonly connection: PooledConnection
  readonly since: number
  /** Takes the pool's listeners off again. */
  detach(): void
}

/** How much is kept, and for how long. */
export interface IdleLimits {
  readonly maxIdle: number
  readonly idleMs: number
  /** What `recent` means, in milliseconds. */
  readonly recentMs: number
}

/**
 * Connections nobody uses at the moment, the last used first. One that is closed, errs, times out, or says anything
 * unasked is destroyed. Disposing destroys all.
 */
export class IdleConnections implements Disposable {
  readonly #limits: IdleLimits
  readonly #now: () => number
  #kept: Kept[] = []

  /** `now`: milliseconds of a monotonic clock. */
  constructor(limits: IdleLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#kept.length
  }

  put(connection: PooledConnection): void {
    const { socket } = connection
    if (socket.destroyed || !socket.readable || !socket.writable) {
      socket.destroy()
      return
    }
    const drop = (): void => {
      this.#kept = this.#kept.filter(kept => kept.connection !== connection)
      socket.destroy()
    }
    // An HTTP/2 origin speaks first; what it says is kept for the session that will take this connection. It is read all the
    // same: what is not read of a connection that the origin has broken, nobody would ever learn of, a session neither.
    if (connection.alpn === 'h2') socket.on('readable', keep)
    else socket.on('data', drop).resume()
    socket.on('end', drop)
    socket.on('close', drop).on('timeout', drop).setTimeout(this.#limits.idleMs)
    // Waiting for the origin to close must not keep the process alive.
    socket.unref()
    const detach = (): void => {
      socket.off('readable', keep).off('data', drop).off('end', drop).off('close', drop).off('timeout', drop)
      socket.setTimeout(0)
      socket.pause()
      socket.ref()
    }
    this.#kept.push({ connection, since: this.#now(), detach })
    if (this.#kept.length > this.#limits.maxIdle) this.#kept.shift()?.connection.socket.destroy()
  }

  /** A kept connection that speaks `alpn` and `isWelcome`; those that are not welcome any more are destroyed. */
  take(alpn: Alpn, reuse: Reuse, isWelcome: (connection: PooledConnection) => boolean): PooledConnection | undefined {
    if (reuse === 'none') return undefined
    const oldest = reuse === 'recent' ? this.#now() - this.#limits.recentMs : Number.NEGATIVE_INFINITY
    for (let index = this.#kept.length - 1; index >= 0; index -= 1) {
      const kept = this.#kept[index]
      if (kept === undefined || kept.connection.alpn !== alpn || kept.since < oldest) continue
      this.#kept.splice(index, 1)
      kept.detach()
      if (isWelcome(kept.connection) && !kept.connection.socket.destroyed) return kept.connection
      kept.connection.socket.destroy()
    }
    return undefined
  }

  [Symbol.dispose](): void {
    for (const { connection } of this.#kept) connection.socket.destroy()
    this.#kept = []
  }
}

/** What was said stays in the socket's buffer, from which a session takes it; reading nothing is how its end shows. */
function keep(this: Socket): void {
  this.read(0)
}
