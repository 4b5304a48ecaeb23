import { setTimeout as delay } from 'node:timers/promises'
import { settleDevice } from './device-settings.ts'
import { cutWire, deviceCommands, ip, routeCommands } from './gateway-end.ts'
import { type HardwareAddresses, newHardwareAddresses } from './hardware-address.ts'
import { jobDevice } from './job-device.ts'
import type { NetworkNamespace } from './namespace.ts'
import { type Run, runOrThrow } from './run.ts'
import type { Slot } from './slots.ts'
import { hasCarrier } from './sockets.ts'

/**
 * Lays the wire from the gateway into the network namespace of a process: a veth pair, addresses, the job's default
 * route, and the rule that keeps the job's packets here. Load the packet filter first. Disposing cuts it.
 * @throws GatewayError LINK_FAILED, SYSCTL_NEEDED
 */
export async function layWire(
  run: Run,
  slot: Slot,
  job: { readonly pid: number; readonly namespace: NetworkNamespace },
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const mac = newHardwareAddresses()
  const { device } = slot
  const pair = `link add ${device} address ${mac.gateway} type veth peer name ${jobDevice} address ${mac.job} netns ${job.pid}`
  try {
    await ip(run, [...routeCommands(slot), pair, ...deviceCommands(slot, mac)], signal)
    // The job's end is down yet: there has been no packet.
    settleDevice(device)
    await runOrThrow(run, 'LINK_FAILED', 'nsenter', [`--target=${job.pid}`, '--net', 'ip', '-batch', '-'], {
      input: jobCommands(slot, mac).join('\n'),
      signal,
    })
    await carrier(slot, job.namespace, signal)
  } catch (cause) {
    await cutWire(run, slot)
    throw cause
  }
  return { [Symbol.asyncDispose]: () => cutWire(run, slot) }
}

/** Waits until both ends carry packets: what is sent before is dropped. */
async function carrier(slot: Slot, namespace: NetworkNamespace, signal: AbortSignal): Promise<void> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(5_000)])
  while (!hasCarrier(slot.device) || !namespace.run(() => hasCarrier(jobDevice)))
    await delay(1, undefined, { signal: stop })
}

function jobCommands({ gatewayAddress, jobAddress }: Slot, mac: HardwareAddresses): readonly string[] {
  return [
    'link set dev lo up',
    `link set dev ${jobDevice} addrgenmode none`,
    `addr add ${jobAddress}/30 dev ${jobDevice}`,
    `link set dev ${jobDevice} up`,
    `neigh replace ${gatewayAddress} lladdr ${mac.gateway} dev ${jobDevice} nud permanent`,
    `route add default via ${gatewayAddress} dev ${jobDevice}`,
  ]
}
