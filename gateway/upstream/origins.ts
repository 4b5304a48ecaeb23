import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import type { IdleLimits } from './idle.ts'
import { OriginPool, type PoolOptions } from './origin-pool.ts'
import type { UpstreamPool } from './pool.ts'

/** All kept connections of one job; disposing closes those that are not lent. */
export interface Origins extends Disposable {
  /** The pool of one origin, made when first asked for. */
  pool(host: Host, port: Port, scheme: 'https' | 'http'): UpstreamPool
}

/** What `openOrigins` needs of the world. */
export type OriginsOptions = Omit<PoolOptions, 'limits'> & { readonly limits?: IdleLimits }

/** Less than the 60 s after which most servers close a kept connection. */
const defaultLimits: IdleLimits = { maxIdle: 128, idleMs: 50_000, recentMs: 1_000 }

/** Pools remembered; a build that talks to more origins than this reconnects to the least recently used ones. */
const maxPools = 1_024

/** The origins of one job. Nothing is shared between jobs: neither connections nor what is known of an origin. */
export function openOrigins(options: OriginsOptions): Origins {
  const pools = new Map<string, OriginPool>()
  const poolOptions: PoolOptions = { ...options, limits: options.limits ?? defaultLimits }
  return {
    pool(host, port, scheme) {
      const key = `${scheme} ${host} ${port}`
      const pool = pools.get(key) ?? new OriginPool(host, port, scheme, poolOptions)
      // Last in the map is the most recently used.
      pools.delete(key)
      pools.set(key, pool)
      if (pools.size > maxPools) {
        for (const [oldest, forgotten] of pools) {
          pools.delete(oldest)
          forgotten[Symbol.dispose]()
          break
        }
      }
      return pool
    },
    [Symbol.dispose]() {
      for (const pool of pools.values()) pool[Symbol.dispose]()
      pools.clear()
    },
  }
}
