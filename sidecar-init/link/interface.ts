import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../../gateway/errors.ts'

/** The hardware address of an interface of this network namespace, lower case; undefined when there is none of that name. */
export function hardwareAddressOf(device: string): string | undefined {
  return readAttribute(device, 'address')
}

/**
 * Waits until both ends of a wire carry packets: the kernel finishes that in its own time (net/core/link_watch.c), after the
 * gateway has set its end up, and drops what is sent before.
 * @throws GatewayError LINK_FAILED when that does not come within ten seconds, or before `signal`
 */
export async function carrier(device: string, gatewayDevice: string, signal: AbortSignal): Promise<void> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  while (readAttribute(device, 'operstate') !== 'up') {
    if (stop.aborted) {
      throw new GatewayError('LINK_FAILED', `the gateway does not take up its end of the wire (${gatewayDevice})`, {
        details: { device: gatewayDevice },
      })
    }
    await delay(2)
  }
}

/** An attribute of an interface, from sysfs, which a container mounts for the network namespace it is in. */
function readAttribute(device: string, name: 'address' | 'operstate'): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${device}/${name}`, 'latin1').trim()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    // EINVAL and ENODEV: it went while we read.
    if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENODEV') return undefined
    throw new GatewayError('LINK_FAILED', `cannot read ${name} of ${device}`, { cause })
  }
}
