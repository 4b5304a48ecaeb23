import { readFileSync, readlinkSync } from 'node:fs'
import { GatewayError } from '../../gateway/errors.ts'
import { jobDevice } from '../../gateway/packet/job-device.ts'
import { parseStatus } from '../capabilities.ts'
import { interfacesIn } from '../job-network.ts'

// include/uapi/linux/capability.h
const NET_ADMIN = 1n << 12n

/**
 * Looks at this process and its network namespace before anything is asked of anybody, and returns the namespace's name, as
 * /proc/self/ns/net has it. An eth0 may be there: only the gateway knows whose it is.
 * @throws GatewayError CAPABILITY_MISSING, or NETWORK_PRESENT when there is an interface that is no wire
 */
export function lookAround(): string {
  const effective = parseStatus(readFileSync('/proc/thread-self/status', 'latin1'))?.capabilities.CapEff ?? 0n
  if ((effective & NET_ADMIN) === 0n) {
    throw new GatewayError('CAPABILITY_MISSING', 'the init lacks NET_ADMIN (compose: cap_add: [NET_ADMIN])')
  }
  const others = interfacesIn(readFileSync('/proc/thread-self/net/dev', 'latin1')).filter(name => name !== 'lo')
  if (others.some(name => name !== jobDevice)) throw networkPresent(others)
  return readlinkSync('/proc/thread-self/ns/net')
}

/** The refusal of a namespace that has a network. */
export function networkPresent(interfaces: readonly string[]): GatewayError {
  return new GatewayError(
    'NETWORK_PRESENT',
    `the job has a network already (${interfaces.join(', ')}): start it with network_mode none, not on a bridge or the host’s`,
    { details: { interfaces } },
  )
}
