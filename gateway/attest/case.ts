import type { Address } from '../net/address.ts'
import type { Mode } from '../policy/policy.ts'

/** What one case found. `broken` says what was reached and what to change. */
export type Finding =
  | { readonly kind: 'held' }
  | { readonly kind: 'broken'; readonly reached: string; readonly change: string }
  | { readonly kind: 'skipped'; readonly why: string }

/** One way around the gateway, tried against the gateway of the job we are in. */
export interface Case {
  /** Ids of the threat model: `N1`, or several. */
  readonly id: string
  /** What holds when it is held. */
  readonly sentence: string
  /** Audit lets it through by design, so that it shows nothing there. */
  readonly carriedInAudit: boolean
  /** Tries it, in a few seconds at most. */
  try(signal: AbortSignal): Promise<Finding>
}

/** The job we are in, as far as the cases need to know it. */
export interface Surroundings {
  /** Where the default route leads. */
  readonly gatewayAddress: Address
  readonly mode: Mode
  /** The folder of the job: `/run/tidegate`. */
  readonly runFolder: string
}

/** A case that held. */
export const held: Finding = { kind: 'held' }

/** A case that did not hold. */
export function broken(reached: string, change: string): Finding {
  return { kind: 'broken', reached, change }
}

/** A case that cannot be tried here. */
export function skipped(why: string): Finding {
  return { kind: 'skipped', why }
}
