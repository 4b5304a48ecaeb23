import { readFileSync } from 'node:fs'
import { parseStatus } from '../sidecar-init/capabilities.ts'
import { GatewayError } from './errors.ts'

// include/uapi/linux/capability.h
const NET_ADMIN = 1n << 12n
const NET_BIND_SERVICE = 1n << 10n
/** First port that anybody may bind (Documentation/networking/ip-sysctl.rst); container engines set it to 0. */
const unprivilegedPorts = '/proc/sys/net/ipv4/ip_unprivileged_port_start'

/**
 * Checks what the gateway of many jobs may do here, before anything is made.
 * @throws GatewayError CAPABILITY_MISSING, SYSCTL_NEEDED
 */
export function checkServeMachine(): void {
  const effective = parseStatus(readFileSync('/proc/thread-self/status', 'latin1'))?.capabilities.CapEff ?? 0n
  if ((effective & NET_ADMIN) === 0n)
    throw new GatewayError('CAPABILITY_MISSING', 'the gateway lacks NET_ADMIN (compose: cap_add: [NET_ADMIN])')
  if ((effective & NET_BIND_SERVICE) !== 0n || Number(readFileSync(unprivilegedPorts, 'latin1')) <= 1) return
  // The answer to a job's datagram comes from the address and port it was sent to.
  throw new GatewayError(
    'SYSCTL_NEEDED',
    "UDP needs the low ports; the gateway's service needs under 'sysctls:' the line: net.ipv4.ip_unprivileged_port_start: 0",
    { details: { missing: ['net.ipv4.ip_unprivileged_port_start: 0'] } },
  )
}
