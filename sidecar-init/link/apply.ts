import type { WirePlan } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { type Run, runOrThrow } from '../../gateway/packet/run.ts'
import { hardwareAddressOf } from './interface.ts'
import type { JobSide } from './job-side.ts'
import { renderLaying } from './plan.ts'

/**
 * Lays the wire as planned. Where it fails a part of it may be there: `removeWire` takes it away.
 * @throws GatewayError LINK_FAILED
 */
export async function layWire(run: Run, plan: WirePlan, side: JobSide, signal: AbortSignal): Promise<void> {
  // Started there, and so at work there; it is waited for here.
  await side.run(() => runOrThrow(run, 'LINK_FAILED', 'ip', ['-batch', '-'], { input: renderLaying(plan), signal }))
  // The gateway is named by a pid: where that is one of ours, both ends are here, and the gateway would wait in vain.
  if (hardwareAddressOf(plan.device, side) === plan.gatewayMac) {
    throw new GatewayError(
      'LINK_FAILED',
      'the init is not in the pid namespace of the gateway (compose: pid: service:gateway)',
      { details: { device: plan.device } },
    )
  }
}

/**
 * Removes our end, and only ours: another init may have laid an interface of that name. One end of a veth takes the other
 * with it.
 * @throws GatewayError LINK_FAILED when it is there and stays
 */
export async function removeWire(run: Run, { jobDevice, jobMac }: WirePlan, side: JobSide): Promise<void> {
  if (hardwareAddressOf(jobDevice, side) !== jobMac) return
  const signal = AbortSignal.timeout(5_000)
  const { exitCode, stderr } = await side.run(() => run('ip', ['link', 'delete', 'dev', jobDevice], { signal }))
  if (exitCode === 0 || hardwareAddressOf(jobDevice, side) !== jobMac) return
  throw new GatewayError('LINK_FAILED', `${jobDevice} cannot be removed again: ${stderr.trim()}`, {
    details: { device: jobDevice },
  })
}
