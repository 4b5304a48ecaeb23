import type { Cidr } from '../net/cidr.ts'
import type { Policy } from './policy.ts'
import type { PortRange, Rule } from './rule.ts'

/** Where UDP may go as far as packets show it: a block of addresses, or some name (`to` undefined). */
export interface UdpDestination {
  readonly to: Cidr | undefined
  readonly ports: PortRange
}

/** The destinations that the `udp://` rules among `rules` admit. */
export function udpDestinationsOf(rules: readonly Rule[]): readonly UdpDestination[] {
  return rules
    .filter(rule => rule.effect === 'allow' && rule.scheme === 'udp')
    .map(({ host, ports }) => ({ to: host.kind === 'address' ? host.cidr : undefined, ports }))
}

/**
 * What the packet filter must hand to the UDP front door for this policy to be carried out; the front door decides each flow.
 * The first layer's destinations are enough: the others only narrow them.
 */
export function udpDestinations(policy: Policy): readonly UdpDestination[] {
  return policy.layers[0]?.udp ?? []
}
