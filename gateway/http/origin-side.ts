import { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Reuse, UpstreamConnection } from '../upstream/pool.ts'
import type { HttpContext } from './context.ts'
import type { LegOwner } from './leg-owner.ts'
import { OriginLeg } from './origin-leg.ts'

/** The connection to the origin that one client connection uses, reached when first needed, and given back at the end. */
export class OriginSide implements Disposable {
  readonly #context: HttpContext
  readonly #owner: LegOwner
  /** While the origin is being reached. */
  #reaching: AbortController | undefined
  #disposed = false
  #leg: OriginLeg | undefined

  constructor(context: HttpContext, owner: LegOwner) {
    this.#context = context
    this.#owner = owner
  }

  get leg(): OriginLeg | undefined {
    return this.#leg
  }

  /** Reaches the origin by a connection that is kept, at once; undefined when there is none. */
  reachKept(reuse: Reuse): OriginLeg | undefined {
    const kept = this.#context.upstream.take('http/1.1', reuse)
    if (kept !== undefined) this.#leg = new OriginLeg(kept, this.#owner, this.#context.limits)
    return this.#leg
  }

  /** Reaches the origin: the leg, or why there is none; undefined when this was disposed in the meantime. Never rejects. */
  async reach(reuse: Reuse): Promise<OriginLeg | Denied | GatewayError | undefined> {
    const stop = new AbortController()
    this.#reaching = stop
    const reached = await connect(this.#context, reuse, stop)
    this.#reaching = undefined
    if (reached instanceof GatewayError || 'verdict' in reached) return this.#disposed ? undefined : reached
    if (this.#disposed) {
      this.#context.upstream.release(reached)
      return undefined
    }
    this.#leg = new OriginLeg(reached, this.#owner, this.#context.limits)
    return this.#leg
  }

  /** Breaks the connection off, so that the origin sees a request that was not finished. */
  drop(): void {
    this.#leg?.destroy()
    this.#leg = undefined
  }

  /** Lets what is written arrive, then ends the connection: the client has left a tunnel in peace. */
  part(): void {
    this.#leg?.detach().socket.destroySoon()
    this.#leg = undefined
  }

  /** Between two exchanges the connection goes back to the pool; else it is broken off. */
  [Symbol.dispose](): void {
    this.#disposed = true
    this.#reaching?.abort(gone)
    if (this.#leg?.isIdle === true && !this.#leg.isBound) this.#context.upstream.release(this.#leg.detach())
    else this.#leg?.destroy()
    this.#leg = undefined
  }
}

/** One for all: without it each abort would make an exception of its own, stack and all. */
const gone = new GatewayError('CLIENT_ABORTED', 'the client is gone')

async function connect(
  { host, port, upstream, limits }: HttpContext,
  reuse: Reuse,
  stop: AbortController,
): Promise<UpstreamConnection | Denied | GatewayError> {
  // Not AbortSignal.timeout(): it cannot be called off, and for all of its time it keeps what it was made for.
  const deadline = setTimeout(() => {
    const what = `no connection in ${limits.connectMs} ms`
    stop.abort(new GatewayError('UPSTREAM_TIMEOUT', `cannot reach ${host} port ${port}: ${what}`))
  }, limits.connectMs)
  try {
    return await upstream.acquire('http/1.1', reuse, stop.signal)
  } catch (cause) {
    if (cause instanceof GatewayError) return cause
    if (stop.signal.reason instanceof GatewayError) return stop.signal.reason
    const what = cause instanceof Error ? cause.message : String(cause)
    return new GatewayError('UPSTREAM_UNREACHABLE', `cannot reach ${host} port ${port}: ${what}`, { cause })
  } finally {
    clearTimeout(deadline)
  }
}
