import { performance } from 'node:perf_hooks'
import { TLSSocket } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import { parseAddress } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import { dial } from './dial.ts'
import type { DialLimit } from './dial-limit.ts'
import { type IdleLimits, IdleConnections, type PooledConnection } from './idle.ts'
import type { OriginTls } from './origin-tls.ts'
import type { Connect, Denied, Resolver } from './outside.ts'
import type { Alpn, Contact, Reuse, UpstreamConnection, UpstreamPool } from './pool.ts'

/** What a pool needs of the world. */
export interface PoolOptions {
  /** Its policy is read at each dial, and again before a kept connection is lent. */
  readonly job: Pick<Job, 'policy'>
  readonly resolver: Resolver
  readonly tls: OriginTls
  readonly connect?: Connect
  readonly limits: IdleLimits
  /** Shared by all that the job dials; absent: as many as it asks for. */
  readonly dials?: DialLimit
}

/** The one implementation of `UpstreamPool`. Disposing destroys what is kept, not what is lent. */
export class OriginPool implements UpstreamPool, Disposable {
  readonly host: Host
  readonly port: Port
  readonly scheme: 'https' | 'http'
  readonly #options: PoolOptions
  readonly #idle: IdleConnections
  /** What the origin picked, by what it was offered. */
  readonly #spoken = new Map<string, Alpn>()
  readonly #lent = new WeakSet<UpstreamConnection>()

  constructor(host: Host, port: Port, scheme: 'https' | 'http', options: PoolOptions) {
    this.host = host
    this.port = port
    this.scheme = scheme
    this.#options = options
    this.#idle = new IdleConnections(options.limits, () => performance.now())
  }

  get idle(): number {
    return this.#idle.size
  }

  known(offered: readonly Alpn[]): Contact | undefined {
    const alpn = this.scheme === 'http' ? 'http/1.1' : this.#spoken.get(offered.join())
    return alpn === undefined ? undefined : { alpn }
  }

  async contact(offered: readonly Alpn[], signal: AbortSignal): Promise<Contact | Denied> {
    const known = this.known(offered)
    if (known !== undefined) return known
    const connection = await this.#open(offered.length === 0 ? ['http/1.1'] : offered, signal)
    if ('verdict' in connection) return connection
    this.#spoken.set(offered.join(), connection.alpn)
    this.#idle.put(connection)
    return { alpn: connection.alpn }
  }

  async acquire(alpn: Alpn, reuse: Reuse, signal: AbortSignal): Promise<UpstreamConnection | Denied> {
    const kept = this.take(alpn, reuse)
    if (kept !== undefined) return kept
    const connection = await this.#open([alpn], signal)
    if ('verdict' in connection) return connection
    if (connection.alpn !== alpn) {
      this.#spoken.clear()
      connection.socket.destroy()
      throw new GatewayError('UPSTREAM_PROTOCOL', `${this.host} does not speak ${alpn}`, {
        details: { alpn: connection.alpn },
      })
    }
    return this.#lend(connection)
  }

  take(alpn: Alpn, reuse: Reuse): UpstreamConnection | undefined {
    const kept = this.#idle.take(alpn, reuse, connection => this.#mayLend(connection))
    return kept === undefined ? undefined : this.#lend(kept)
  }

  release(connection: UpstreamConnection): void {
    // Only what was lent here and is not back yet: a second release would lend one connection to two holders.
    if (!this.#lent.delete(connection)) return
    const { socket, address, alpn, observed } = connection
    this.#idle.put({ socket, address, alpn, reused: true, ...(observed !== undefined && { observed }) })
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]()
  }

  #lend(connection: PooledConnection): UpstreamConnection {
    this.#lent.add(connection)
    return connection
  }

  /** A policy reloaded since the dial may have closed the range this connection leads to. */
  #mayLend(connection: PooledConnection): boolean {
    const { policy } = this.#options.job
    if (policy.mode === 'audit' || parseAddress(this.host) !== undefined) return true
    return policy.mayResolveTo(connection.address)
  }

  #open(alpn: readonly Alpn[], signal: AbortSignal): Promise<PooledConnection | Denied> {
    const opening = (): Promise<PooledConnection | Denied> => this.#connect(alpn, signal)
    return this.#options.dials?.run(opening) ?? opening()
  }

  async #connect(alpn: readonly Alpn[], signal: AbortSignal): Promise<PooledConnection | Denied> {
    const { job, resolver, tls, connect } = this.#options
    const dialled = await dial({ host: this.host, port: this.port, policy: job.policy }, resolver, signal, connect)
    if ('verdict' in dialled) return dialled
    const { address, observed } = dialled
    const facts = { address, reused: false, ...(observed !== undefined && { observed }) }
    if (this.scheme === 'http') return { ...facts, socket: dialled.socket.pause(), alpn: 'http/1.1' }
    const socket = await tls.handshake(dialled.socket, { host: this.host, port: this.port, alpn }, signal)
    return { ...facts, socket, alpn: pickedProtocol(socket) }
  }
}

/** An origin that picked nothing speaks what TLS on this port always meant. */
function pickedProtocol(socket: TLSSocket): Alpn {
  return socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
}
