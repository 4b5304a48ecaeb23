import { type Address, familyOf, parseAddress } from '../net/address.ts'
import type { Denied, DialTarget } from './outside.ts'

/** An address that may be dialled, in the order to try. */
export interface Candidate {
  readonly address: Address
  /** Audit mode only: block mode would not dial it. */
  readonly observed: boolean
}

/**
 * What of `addresses` may be dialled for `target`, in the order of RFC 8305 §4: the families interleaved, IPv6 first.
 * A name may resolve to public addresses and the policy's `private` ranges; in audit mode to others too, but those
 * come last. An address literal has been decided as such. Denied when nothing is left. Pure.
 */
export function chooseCandidates(target: DialTarget, addresses: readonly Address[]): readonly Candidate[] | Denied {
  const isLiteral = parseAddress(target.host) !== undefined
  const safe = [...new Set(addresses)].filter(address => !target.policy.neverDial(address))
  const permitted = safe.filter(address => isLiteral || target.policy.mayResolveTo(address))
  const observed = target.policy.mode === 'audit' ? safe.filter(address => !permitted.includes(address)) : []
  if (permitted.length + observed.length === 0) return { verdict: 'deny', reason: 'private-address', rule: null }
  return [
    ...interleave(permitted).map(address => ({ address, observed: false })),
    ...interleave(observed).map(address => ({ address, observed: true })),
  ]
}

function interleave(addresses: readonly Address[]): readonly Address[] {
  const v6 = addresses.filter(address => familyOf(address) === 6)
  const v4 = addresses.filter(address => familyOf(address) === 4)
  const length = Math.max(v6.length, v4.length)
  return Array.from({ length }, (_, index) => [v6[index], v4[index]])
    .flat()
    .filter(address => address !== undefined)
}
