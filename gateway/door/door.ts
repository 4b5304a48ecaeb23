import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { LeafMint } from '../ca/leaf.ts'
import type { ErrorCode } from '../errors.ts'
import { defaultHttpLimits, type HttpLimits } from '../http/context.ts'
import type { Job, JobSocket } from '../jobs/job.ts'
import { parseAddress } from '../net/address.ts'
import { TokenBucket, type Rate } from '../jobs/token-bucket.ts'
import { parsePort, type Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import { Lru } from '../upstream/lru.ts'
import type { Origins } from '../upstream/origins.ts'
import type { Denied, Dialled, DialTarget } from '../upstream/outside.ts'
import { RefusedConnections } from './refused-connections.ts'
import { Terminator } from './terminate.ts'

/** Bounds of one job's connections. */
export interface DoorLimits {
  /** Open at once. */
  readonly maxConnections: number
  /** New ones, where a gateway serves many jobs; absent: as many as come. */
  readonly newConnections?: Rate
  /** TLS handshakes in flight at once; more wait for their turn. */
  readonly maxHandshakes: number
  /** An allowed client's first byte, in milliseconds; clients that connect ahead of need send late. */
  readonly firstByteMs: number
  /** The same where the server may be the one to speak first, so that waiting costs the client. */
  readonly serverFirstMs: number
  /** The same on ports 80 and 443, where clients speak first and a slow one must not be passed unread for it. */
  readonly webFirstMs: number
  /** The same where the answer is a refusal, which needs the first bytes only to be polite. */
  readonly refusalMs: number
  /** From the first byte until the protocol can be told, in milliseconds. */
  readonly openingMs: number
  /** A spliced connection without a byte in either direction, in milliseconds. */
  readonly idleMs: number
  /** What the job has sent may go on going out for so long when it has ended, in milliseconds. */
  readonly drainMs: number
  /** But not when nothing of it has moved for so long, in milliseconds. */
  readonly quietMs: number
}

const defaultLimits: DoorLimits = {
  maxConnections: 4096,
  maxHandshakes: 256,
  firstByteMs: 30_000,
  serverFirstMs: 300,
  webFirstMs: 5_000,
  refusalMs: 1000,
  openingMs: 10_000,
  idleMs: 7_200_000,
  drainMs: 5_000,
  quietMs: 500,
}

/** Endpoints remembered as passed, or nearly; a job that makes up more of them has the oldest inspected again. */
const mostDistrusted = 1_024
/** Connections that were reset are written down at once; this only bounds what should not happen, in milliseconds. */
const endMs = 2_000

/** What the front door of one job needs. */
export interface DoorOptions {
  readonly job: Job
  readonly mint: LeafMint
  readonly origins: Origins
  readonly dial: (target: DialTarget, signal: AbortSignal) => Promise<Dialled | Denied>
  /** Takes over a connection to port 53 of any address. */
  readonly serveDnsTcp: (socket: Socket) => void
  readonly limits?: Partial<DoorLimits>
  readonly httpLimits?: Partial<HttpLimits>
  /** Told once for each TLS handshake with a client. */
  readonly onHandshake?: (outcome: 'completed' | ErrorCode) => void
  /** Told what should never happen; the connection that it happened to is gone. */
  readonly onFault: (cause: unknown) => void
  /** Both ends of an accepted connection; under TPROXY the local one is where the job meant to go. The seam of tests. */
  readonly endpointsOf?: (socket: Socket) => JobSocket | undefined
}

/** The front door of one job: everything that its connections share. Disposing ends them all. */
export class Door implements Disposable {
  readonly job: Job
  readonly mint: LeafMint
  readonly origins: Origins
  readonly dial: DoorOptions['dial']
  readonly serveDnsTcp: DoorOptions['serveDnsTcp']
  readonly limits: DoorLimits
  readonly httpLimits: HttpLimits
  readonly terminator: Terminator
  readonly onHandshake: (outcome: 'completed' | ErrorCode) => void
  readonly onFault: (cause: unknown) => void
  readonly endpointsOf: (socket: Socket) => JobSocket | undefined
  /** What the limits turned away. */
  readonly refused: RefusedConnections
  readonly #newConnections: TokenBucket | undefined
  readonly #open = new Set<Socket>()
  readonly #work = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()
  readonly #distrust = new Lru<string, 'yes' | 'maybe'>(mostDistrusted)

  constructor(options: DoorOptions) {
    this.job = options.job
    this.mint = options.mint
    this.origins = options.origins
    this.dial = options.dial
    this.serveDnsTcp = options.serveDnsTcp
    this.limits = { ...defaultLimits, ...options.limits }
    this.httpLimits = { ...defaultHttpLimits, ...options.httpLimits }
    this.terminator = new Terminator(options.mint, this.limits.maxHandshakes)
    this.onHandshake = options.onHandshake ?? (() => {})
    this.onFault = options.onFault
    this.endpointsOf = options.endpointsOf ?? endpointsOf
    this.refused = new RefusedConnections(options.job)
    const { newConnections } = this.limits
    this.#newConnections =
      newConnections === undefined ? undefined : new TokenBucket(newConnections, () => performance.now())
  }

  /** Connections open now. */
  get connections(): number {
    return this.#open.size
  }

  /** Counts a new connection; false when the job opens more than one of many jobs may. */
  mayConnect(): boolean {
    return this.#newConnections?.take() ?? true
  }

  /** Counts a connection until it closes. False when the job has too many; it is then not counted. */
  admit(socket: Socket): boolean {
    if (this.#open.size >= this.limits.maxConnections) return false
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    return true
  }

  /** Aborted when all connections are ended, because the job has. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Counts what is done for a connection until it is done, which may be after the connection is closed. `work` never rejects. */
  track(work: Promise<unknown>): void {
    this.#work.add(work)
    void work.then(() => this.#work.delete(work))
  }

  /**
   * Waits, when the job has ended, until what it had sent has gone out, as it would have without us: until no work is left,
   * or nothing has moved for `quietMs`, or `drainMs` are over.
   */
  async drained(): Promise<void> {
    const { drainMs, quietMs } = this.limits
    const deadline = performance.now() + drainMs
    for (let before = -1; this.#work.size > 0 && performance.now() < deadline;) {
      const moved = [...this.#open].reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0)
      if (moved === before && this.#open.size > 0) return
      before = moved
      await this.#done(quietMs)
    }
  }

  /** Ends all connections, and waits until each of them is written down. */
  async end(): Promise<void> {
    this[Symbol.dispose]()
    await this.#done(endMs)
  }

  async #done(limitMs: number): Promise<void> {
    using waiting = new DisposableStack()
    const given = new AbortController()
    waiting.defer(() => given.abort())
    const late = delay(limitMs, undefined, { signal: given.signal }).catch(() => undefined)
    await Promise.race([Promise.all(this.#work), late])
  }

  /**
   * Audit mode: takes note of how a client of this endpoint took our certificate. True when connections to it pass from now
   * on: it was refused, or seems to have been for the second time.
   */
  learn(host: Host, port: Port, distrust: 'yes' | 'maybe' | 'no'): boolean {
    if (distrust === 'no') return false
    const key = `${host} ${port}`
    const isPassed = distrust === 'yes' || this.#distrust.get(key) !== undefined
    this.#distrust.set(key, isPassed ? 'yes' : 'maybe')
    return isPassed
  }

  /** Audit mode: did a client of this endpoint refuse our certificate before? */
  isPassed(host: Host, port: Port): boolean {
    return this.job.policy.mode === 'audit' && this.#distrust.get(`${host} ${port}`) === 'yes'
  }

  [Symbol.dispose](): void {
    // A reset, so that the kernel keeps nothing to send again to a job that may be gone.
    for (const socket of this.#open) socket.resetAndDestroy()
    this.refused[Symbol.dispose]()
    this.#ending.abort()
  }
}

/** Both ends of a connection by its socket: the job's own, and where it meant to go. Undefined when it is gone. */
export function endpointsOf(socket: Socket): JobSocket | undefined {
  const source = endpoint(socket.remoteAddress, socket.remotePort)
  const destination = endpoint(socket.localAddress, socket.localPort)
  if (source === undefined || destination === undefined) return undefined
  return { transport: 'tcp', source, destination }
}

function endpoint(address: string | undefined, port: number | undefined): JobSocket['source'] | undefined {
  // parseAddress unwraps ::ffff:192.0.2.1, as a dual-stack listener reports IPv4 peers.
  const parsed = address === undefined ? undefined : parseAddress(address)
  const parsedPort = port === undefined ? undefined : parsePort(port)
  return parsed === undefined || parsedPort === undefined ? undefined : { address: parsed, port: parsedPort }
}
