import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import { settleDevice } from './device-settings.ts'
import { cutWire, deviceCommands, hasDevice, ip, routeCommands } from './gateway-end.ts'
import type { HardwareAddresses } from './hardware-address.ts'
import type { Run } from './run.ts'
import type { Slot } from './slots.ts'
import { hardwareAddressOf } from './sockets.ts'

/** How often the kernel's list of devices is looked at while one is waited for; one look takes some 30 µs. */
const lookEveryMs = 5
/** The same while one is in use, to see its end. */
const watchEveryMs = 200

/**
 * Makes routes and rule for a wire that somebody else will lay: the device enters a namespace where its packets can go
 * nowhere but here. Disposing cuts the wire, if there is one by then.
 * @throws GatewayError LINK_FAILED
 */
export async function prepareLink(run: Run, slot: Slot, signal: AbortSignal): Promise<AsyncDisposable> {
  try {
    await ip(run, routeCommands(slot), signal)
  } catch (cause) {
    await cutWire(run, slot)
    throw cause
  }
  return { [Symbol.asyncDispose]: () => cutWire(run, slot) }
}

/**
 * Waits until the device of the wire is here, and configures it. It is brought up last: until then the job's end has no
 * carrier, and no packet has passed.
 * @throws GatewayError LINK_FAILED when it is not the device that was planned, SYSCTL_NEEDED; the signal's reason when it is aborted
 */
export async function joinLink(run: Run, slot: Slot, mac: HardwareAddresses, signal: AbortSignal): Promise<void> {
  const { device } = slot
  while (!hasDevice(device)) await delay(lookEveryMs, undefined, { signal })
  const found = hardwareAddressOf(device)
  if (found !== mac.gateway)
    throw new GatewayError('LINK_FAILED', `the device ${device} that appeared is not the one that was planned`, {
      details: { device, found, planned: mac.gateway },
    })
  settleDevice(device)
  await ip(run, deviceCommands(slot, mac), signal)
}

/** Resolves when the device is gone, as it is when the job's network namespace is; or when `signal` is aborted. Never rejects. */
export async function linkGone({ device }: Slot, signal: AbortSignal): Promise<void> {
  const over = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  while (!signal.aborted && hasDevice(device)) {
    using waiting = new DisposableStack()
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.adopt(setTimeout(resolve, watchEveryMs).unref(), clearTimeout)
    await Promise.race([promise, over])
  }
}
