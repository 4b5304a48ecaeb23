import { readFileSync } from 'node:fs'
import type { Address } from '../gateway/net/address.ts'
import { jobDevice } from '../gateway/packet/job-device.ts'

/**
 * Interfaces that the kernel itself makes in every new network namespace of a machine where tunnels are in use
 * (net.core.fb_tunnels_only_for_init_net). They have no address, and what they would carry goes by the namespace's own
 * routes: over the wire.
 */
const fallbackTunnels: ReadonlySet<string> = new Set([
  'tunl0',
  'gre0',
  'gretap0',
  'erspan0',
  'ip_vti0',
  'ip6_vti0',
  'sit0',
  'ip6tnl0',
  'ip6gre0',
])

/** Names of the interfaces in the text of /proc/net/dev, without those that the kernel makes everywhere. Pure. */
export function interfacesIn(text: string): readonly string[] {
  const names = text.split('\n').flatMap(line => /^\s*([^\s:]+):/.exec(line)?.[1] ?? [])
  return names.filter(name => !fallbackTunnels.has(name))
}

/** Is there, in the text of /proc/net/dev, nothing but lo and the job's end of the wire? Pure. */
export function hasOnlyTheWire(text: string): boolean {
  return interfacesIn(text).toSorted().join(' ') === [jobDevice, 'lo'].toSorted().join(' ')
}

/** Does the text of /proc/net/route hold the wire's own network, one default route over the gateway, and no more? Pure. */
export function hasOnlyOneRoute(text: string, gatewayAddress: Address): boolean {
  // Fields: interface, destination, gateway …; little-endian hexadecimal.
  const routes = text
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'))
  const gateway = Buffer.from(gatewayAddress.split('.').map(Number))
    .readUInt32LE()
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')
  const out = routes.filter(fields => fields[1] === '00000000')
  return (
    routes.length === 2 &&
    routes.every(fields => fields[0] === jobDevice) &&
    out.length === 1 &&
    out[0]?.[2] === gateway
  )
}

/** Is there, in the text of /proc/net/if_inet6, no address but those of lo? Pure. */
export function hasNoV6(text: string): boolean {
  return text
    .trim()
    .split('\n')
    .every(line => line === '' || /\slo$/.test(line))
}

/** The text of /proc/PID/net/if_inet6, by its folder; empty on a kernel without IPv6, which has no such file. */
export function readV6(procNet: string): string {
  try {
    return readFileSync(`${procNet}/if_inet6`, 'latin1')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw cause
  }
}
