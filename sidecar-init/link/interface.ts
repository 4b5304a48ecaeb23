import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../../gateway/errors.ts'
import { jobDevice } from '../../gateway/packet/job-device.ts'
import * as sockets from '../../gateway/packet/sockets.ts'
import type { JobSide } from './job-side.ts'

/** The hardware address of an interface of the job, lower case; undefined when there is none of that name. @throws GatewayError SOCKET_FAILED */
export function hardwareAddressOf(device: string, side: JobSide): string | undefined {
  return side.run(() => ifThere(() => sockets.hardwareAddressOf(device)))
}

/**
 * Waits until the wire carries packets, which it does when the gateway has set its end up; what is sent before is dropped.
 * @throws GatewayError LINK_FAILED when that does not come within ten seconds, or before `signal`
 */
export async function carrier(gatewayDevice: string, side: JobSide, signal: AbortSignal): Promise<void> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  // Our end may be gone, if the gateway has given up: who hears that from it says so.
  while (side.run(() => ifThere(() => sockets.hasCarrier(jobDevice))) !== true) {
    if (stop.aborted) {
      throw new GatewayError('LINK_FAILED', `the gateway does not take up its end of the wire (${gatewayDevice})`, {
        details: { device: gatewayDevice },
      })
    }
    await delay(1)
  }
}

function ifThere<Answer>(look: () => Answer): Answer | undefined {
  try {
    return look()
  } catch (cause) {
    if (cause instanceof GatewayError && cause.details['errno'] === 'ENODEV') return undefined
    throw cause
  }
}
