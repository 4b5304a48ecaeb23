import { GatewayError } from '../errors.ts'
import { parsePort } from '../net/port.ts'
import type { Run } from './run.ts'
import { renderRuleset, type RulesetInput, type Steering, type UdpRange } from './ruleset.ts'
import { slotNumbered } from './slots.ts'

/**
 * Finds out what this kernel can do, by letting it check a whole ruleset of each kind without loading it.
 * @throws GatewayError NFT_REJECTED with what the kernel said of `tproxy`, when it takes neither
 */
export async function chooseSteering(run: Run, signal: AbortSignal): Promise<Steering> {
  const refusals: string[] = []
  for (const steering of ['tproxy', 'redirect'] as const) {
    const { exitCode, stderr } = await run('nft', ['--check', '-f', '-'], {
      input: renderRuleset(sample(steering)),
      signal,
    })
    if (exitCode === 0) return steering
    refusals.push(stderr.trim())
  }
  const [first = '', second = ''] = refusals
  throw new GatewayError('NFT_REJECTED', `this kernel cannot hold the packet rules: ${first.split('\n')[0] ?? ''}`, {
    details: { tproxy: first.slice(0, 2_000), redirect: second.slice(0, 2_000) },
  })
}

/**
 * Refuses UDP rules where they cannot be carried out.
 * @throws GatewayError STEERING_UNSUPPORTED
 */
export function requireSteering(steering: Steering, udpRanges: readonly UdpRange[]): void {
  if (steering === 'tproxy' || udpRanges.length === 0) return
  throw new GatewayError(
    'STEERING_UNSUPPORTED',
    'the policy has udp:// rules, which this kernel cannot carry out (no TPROXY)',
  )
}

/** A ruleset with everything in it that a job's may have. */
function sample(steering: Steering): RulesetInput {
  const { table, device, gatewayAddress, jobAddress } = slotNumbered(0)
  const [doorPort, dnsTcpPort, dnsUdpPort, udpFrontPort] = [1, 2, 3, 4].map(parsePort)
  if (doorPort === undefined || dnsTcpPort === undefined || dnsUdpPort === undefined || udpFrontPort === undefined)
    throw new TypeError('there are four ports')
  return {
    table: `${table}_check`,
    device,
    gatewayAddress,
    jobAddress,
    mode: 'audit',
    steering,
    doorPort,
    dnsTcpPort,
    dnsUdpPort,
    udpFrontPort,
    udpRanges: [],
    trackedFlows: 1,
  }
}
