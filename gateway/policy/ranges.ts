import { unreachable } from '../errors.ts'
import { classifyAddress } from '../net/address-class.ts'
import type { Address } from '../net/address.ts'
import { type Cidr, contains, renderCidr } from '../net/cidr.ts'

/**
 * True for addresses that no mode and no rule opens: the gateway's own machine (loopback, unspecified), groups
 * (multicast, broadcast), and the virtual addresses, which stand for names and lead nowhere by themselves.
 */
export function neverDialled(address: Address): boolean {
  const kind = classifyAddress(address)
  switch (kind) {
    case 'loopback':
    case 'unspecified':
    case 'multicast':
    case 'broadcast':
    case 'virtual':
      return true
    case 'public':
    case 'documentation':
    case 'private':
    case 'cgnat':
    case 'link-local':
    case 'metadata':
    case 'reserved':
      return false
    default:
      return unreachable(kind)
  }
}

/** True when the address gives out credentials of the machine or its cloud: opened only by a rule or range that names it alone. */
export function isMetadata(address: Address): boolean {
  return classifyAddress(address) === 'metadata'
}

/** Whether `ranges` (the policy's `private:`) open this address to names; public addresses need no range. */
export function mayResolveInto(ranges: readonly Cidr[], address: Address): boolean {
  if (neverDialled(address)) return false
  const kind = classifyAddress(address)
  if (kind === 'public' || kind === 'documentation') return true
  return ranges.some(range => contains(range, address) && (kind !== 'metadata' || renderCidr(range) === address))
}
