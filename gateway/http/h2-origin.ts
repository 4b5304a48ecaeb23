import { connect, type ClientHttp2Session } from 'node:http2'
import { GatewayError } from '../errors.ts'
import { parseHostname } from '../net/hostname.ts'
import type { Policy } from '../policy/policy.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamConnection, UpstreamPool } from '../upstream/pool.ts'
import { SignOfLife } from './h2-alive.ts'

/** A session without streams is closed after this, before most servers do, in milliseconds. */
const idleMs = 50_000
/** A session is asked for a sign of life this often, in milliseconds; the next question is also the time limit. */
const pingMs = 30_000
/** More sessions to one origin than this are not opened: streams wait instead. */
const maxSessions = 16
/** Streams on one session before another is opened, though the origin would take more. */
const maxStreams = 256

/** Windows for what origins send: a stream fills a long path, a session bounds what a slow client makes us hold. */
const streamWindow = 4 * 1024 * 1024
const sessionWindow = 16 * 1024 * 1024

/** Duplicates pass as they are. Node takes it, its types do not know it for clients: hence spread. */
const lenient = { strictSingleValueFields: false }

/** One HTTP/2 session with an origin, shared by the streams of many clients of one job. */
export class OriginSession {
  readonly connection: UpstreamConnection
  readonly session: ClientHttp2Session
  /** Streams open now. */
  streams = 0
  /** The policy under which its address was last checked. */
  #checked: Policy
  #draining = false
  #idleSince = performance.now()

  constructor(pool: UpstreamPool, connection: UpstreamConnection, policy: Policy) {
    this.connection = connection
    this.#checked = policy
    const authority = `https://${pool.host.includes(':') ? `[${pool.host}]` : pool.host}:${pool.port}`
    // HTTP/2 knows no half-open connection, and Node's session would never notice one.
    connection.socket.allowHalfOpen = false
    this.session = connect(authority, {
      createConnection: () => connection.socket,
      settings: { enablePush: false, initialWindowSize: streamWindow },
      maxSessionMemory: 64,
      maxHeaderListPairs: 1024,
      ...lenient,
    })
    this.session.setLocalWindowSize(sessionWindow)
    // `close` follows, and the streams tell their clients; an unheard error would end the process.
    this.session.on('error', () => {})
    this.session.on('goaway', () => {
      this.#draining = true
    })
    const life = new SignOfLife(this.session, connection.socket)
    const timer = setInterval(() => this.#tend(life), pingMs)
    timer.unref()
    this.session.once('close', () => clearInterval(timer))
    this.session.unref()
  }

  /** May a new stream begin here? */
  mayCarry(policy: Policy, host: UpstreamPool['host']): boolean {
    if (this.#draining || this.session.closed || this.session.destroyed) return false
    if (policy === this.#checked) return true
    // A policy reloaded since the dial may have closed the range that this connection leads to.
    const isOpen =
      policy.mode === 'audit' || parseHostname(host) === undefined || policy.mayResolveTo(this.connection.address)
    if (isOpen) this.#checked = policy
    else this.drain()
    return isOpen
  }

  get hasRoom(): boolean {
    return this.streams < Math.min(maxStreams, this.session.remoteSettings.maxConcurrentStreams ?? maxStreams)
  }

  /** Takes no new streams, and closes when those it has are done. */
  drain(): void {
    this.#draining = true
    this.session.close()
  }

  /** Counts a stream until it is given back. */
  take(): void {
    this.streams += 1
  }

  giveBack(): void {
    this.streams -= 1
    this.#idleSince = performance.now()
  }

  #tend(life: SignOfLife): void {
    if (!this.#draining && this.streams === 0 && performance.now() - this.#idleSince >= idleMs) return this.drain()
    life.ask()
  }
}

/** The HTTP/2 sessions with one origin. */
export class OriginSessions {
  readonly #pool: UpstreamPool
  readonly #sessions = new Set<OriginSession>()
  #opening: Promise<OriginSession | Denied> | undefined

  constructor(pool: UpstreamPool) {
    this.#pool = pool
  }

  /** A session that can carry one more stream at once, or undefined. */
  ready(policy: Policy): OriginSession | undefined {
    let fullest: OriginSession | undefined
    for (const one of this.#sessions) {
      if (!one.mayCarry(policy, this.#pool.host)) continue
      if (one.hasRoom) return one
      fullest = fullest === undefined || one.streams < fullest.streams ? one : fullest
    }
    return this.#sessions.size >= maxSessions ? fullest : undefined
  }

  /**
   * Opens a session; those who wait at the same time share it.
   * @throws GatewayError UPSTREAM_*
   */
  open(policy: Policy, connectMs: number): Promise<OriginSession | Denied> {
    // Not the signal of the client that came first: others may be waiting for the same session.
    this.#opening ??= this.#open(policy, AbortSignal.timeout(connectMs)).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(policy: Policy, signal: AbortSignal): Promise<OriginSession | Denied> {
    try {
      const connection = await this.#pool.acquire('h2', 'any', signal)
      if ('verdict' in connection) return connection
      const opened = new OriginSession(this.#pool, connection, policy)
      this.#sessions.add(opened)
      opened.session.once('close', () => this.#sessions.delete(opened))
      return opened
    } catch (cause) {
      if (!signal.aborted || cause instanceof GatewayError) throw cause
      throw new GatewayError('UPSTREAM_TIMEOUT', `no connection to ${this.#pool.host} in time`, { cause })
    }
  }
}

const sessionsOf = new WeakMap<UpstreamPool, OriginSessions>()

/** The sessions that go with a pool of connections: as many as there are origins, and gone with the pool. */
export function originSessions(pool: UpstreamPool): OriginSessions {
  const known = sessionsOf.get(pool)
  if (known !== undefined) return known
  const fresh = new OriginSessions(pool)
  sessionsOf.set(pool, fresh)
  return fresh
}
