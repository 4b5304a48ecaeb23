import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../../gateway/errors.ts'
import { jobDevice } from '../../gateway/packet/job-device.ts'
import { hardwareAddressOf } from './interface.ts'
import { thisSide } from './job-side.ts'

/** How often the wire is looked at. */
const everyMs = 500

/**
 * Resolves when it is told to stop; until then the wire stands.
 * @throws GatewayError LINK_FAILED when it is gone: the gateway has ended the job, and who waits for us should know
 */
export async function whileLinked(jobMac: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (hardwareAddressOf(jobDevice, thisSide) !== jobMac) {
      throw new GatewayError('LINK_FAILED', 'the wire is gone: the gateway has ended the job', {
        details: { device: jobDevice },
      })
    }
    try {
      await delay(everyMs, undefined, { signal })
    } catch (cause) {
      if (!signal.aborted) throw cause
    }
  }
}
