import type { WirePlan } from '../../gateway/control/protocol.ts'

/**
 * The one batch for `ip` that lays the wire from the job's network namespace, where it runs, into the gateway's: both ends
 * come into being in one step, and neither is up before it has its addresses. The gateway sets its end up by itself. Pure.
 */
export function renderLaying(plan: WirePlan): string {
  const { device, gatewayPid, gatewayAddress, jobAddress, prefixLength, gatewayMac, jobMac, jobDevice } = plan
  return [
    `link add ${jobDevice} address ${jobMac} type veth peer name ${device} address ${gatewayMac} netns ${gatewayPid}`,
    'link set dev lo up',
    // No IPv6 address comes into being by itself.
    `link set dev ${jobDevice} addrgenmode none`,
    `addr add ${jobAddress}/${prefixLength} dev ${jobDevice}`,
    `link set dev ${jobDevice} up`,
    // The gateway's end answers no ARP.
    `neigh replace ${gatewayAddress} lladdr ${gatewayMac} dev ${jobDevice} nud permanent`,
    `route add default via ${gatewayAddress} dev ${jobDevice}`,
    '',
  ].join('\n')
}
