import type { Destination } from './decision.ts'
import { decideLayer } from './decide-layer.ts'
import type { Policy } from './policy.ts'

type Request = Extract<Destination, { kind: 'request' }>

/** A path that nobody would write down. */
const anyPath = '/tidegate-asks-whether-any-path-will-do'

/**
 * Is this request allowed because a rule names its path: in each policy, would the rule that allows it not allow just any
 * path? Each is asked on its own, or a job that names a path the platform never thought of would decide it (P3). Pure.
 */
export function namesPath(policy: Policy, request: Request): boolean {
  return policy.layers.every(layer => {
    const here = decideLayer(layer, request)
    const elsewhere = decideLayer(layer, { ...request, path: anyPath })
    return here.allow && !(elsewhere.allow && elsewhere.rule === here.rule)
  })
}
