import type { Socket } from 'node:net'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { DenyReason, Host } from '../policy/decision.ts'
import type { Denied } from './outside.ts'

/** Application protocols we speak over TLS (RFC 7301 names). */
export type Alpn = 'h2' | 'http/1.1'

/**
 * One connection to an origin, lent to one holder at a time. It comes paused, with no listeners but one that ignores
 * `error` (`close` follows every error). Its holder releases it to the pool or destroys the socket.
 */
export interface UpstreamConnection {
  /** A `tls.TLSSocket` under scheme `https`, verified; a plain socket under `http`. */
  readonly socket: Socket
  /** The address that was really dialled. */
  readonly address: Address
  readonly alpn: Alpn
  /** It has carried an exchange before: the origin may be closing it at this moment. */
  readonly reused: boolean
  /** Audit mode only: why block mode would not have dialled this address. */
  readonly observed?: DenyReason
}

/**
 * Which kept connections will do: `recent` only those that were in use within the last second, for a request that
 * cannot be sent twice; `none` insists on a new one.
 */
export type Reuse = 'any' | 'recent' | 'none'

/** What an origin speaks, found out by talking to it. */
export interface Contact {
  readonly alpn: Alpn
}

/** Kept connections to one origin: one host, one port, one scheme, one job. */
export interface UpstreamPool {
  readonly host: Host
  readonly port: Port
  readonly scheme: 'https' | 'http'
  /** The same as `contact` says, where it is known already: at once, without a promise. */
  known(offered: readonly Alpn[]): Contact | undefined
  /**
   * What the origin picks out of `offered` (the client's ALPN offer, ours only; empty means `http/1.1`).
   * Answers from memory when known; else connects, and keeps the connection for the next `acquire`.
   * @throws GatewayError UPSTREAM_*
   */
  contact(offered: readonly Alpn[], signal: AbortSignal): Promise<Contact | Denied>
  /**
   * A connection that speaks `alpn`: kept or new.
   * @throws GatewayError UPSTREAM_*; UPSTREAM_PROTOCOL when the origin does not speak `alpn` (any more).
   */
  acquire(alpn: Alpn, reuse: Reuse, signal: AbortSignal): Promise<UpstreamConnection | Denied>
  /** The same where a connection is kept: at once, without a promise, which is what most connections of a build come to. */
  take(alpn: Alpn, reuse: Reuse): UpstreamConnection | undefined
  /** Gives back an `http/1.1` connection between two exchanges. Anything else must be destroyed by its holder instead. */
  release(connection: UpstreamConnection): void
}
