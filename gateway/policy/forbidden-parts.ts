import type { Port } from '../net/port.ts'
import type { Host } from './decision.ts'
import type { Policy } from './policy.ts'

/**
 * Is a part of this endpoint forbidden: a method, a path, an upgrade? Then `forbid` needs eyes, and nothing of it may pass
 * unread, in any mode. Pure.
 */
export function hasForbiddenParts(policy: Policy, host: Host, port: Port): boolean {
  return policy.layers.some(layer =>
    layer.refusing
      .find(host)
      .endpoints()
      .some(
        ({ rule, scoped }) => scoped && rule.effect === 'forbid' && rule.ports.from <= port && port <= rule.ports.to,
      ),
  )
}
