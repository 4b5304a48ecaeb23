import type { WirePlan } from './control/protocol.ts'
import { jobDevice } from './packet/job-device.ts'
import type { ExpectedWire } from './packet/wire.ts'
import type { Mode } from './policy/policy.ts'

/** What an init must know to lay and to prove the wire. Pure but for our own pid: a process in the gateway's namespaces. */
export function planOf({ slot, mac }: ExpectedWire, probeKey: string, mode: Mode): WirePlan {
  return {
    id: slot.id,
    device: slot.device,
    gatewayPid: process.pid,
    gatewayAddress: slot.gatewayAddress,
    jobAddress: slot.jobAddress,
    prefixLength: 30,
    gatewayMac: mac.gateway,
    jobMac: mac.job,
    jobDevice,
    probeKey,
    mode,
  }
}
