import { setTimeout as delay } from 'node:timers/promises'
import { attachReply, plainReply, type WirePlan } from '../../gateway/control/protocol.ts'
import type { Run } from '../../gateway/packet/run.ts'
import { type Control, openControl, refused } from '../control.ts'
import { layWire, removeWire } from './apply.ts'
import { hardwareAddressOf } from './interface.ts'
import { thisSide } from './job-side.ts'
import { lookAround, networkPresent } from './preflight.ts'
import { proveLink } from './prove.ts'

/** What to link, and where the gateway is. */
export interface LinkOptions {
  readonly run: Run
  /** Path of the gateway's control socket. */
  readonly control: string
  readonly job: string
  /** Default: what the gateway's configuration says. */
  readonly policy?: string
  /** For all of it: the gateway may still be starting. */
  readonly timeoutMs: number
}

/** What `link` did. */
export interface Linked {
  /** Hardware address of the job's end. */
  readonly jobMac: string
  /** False when the job's wire stood already. */
  readonly isNew: boolean
  /** What was proved, one sentence each. */
  readonly checks: readonly string[]
}

/**
 * Lays the wire of the job whose network namespace this process is in, and proves it: plan, apply, prove. When it fails or
 * is stopped nothing of the wire is left: we remove our end, and if we are killed the gateway undoes its end, which takes
 * ours with it.
 * @throws GatewayError CAPABILITY_MISSING, NETWORK_PRESENT, GATEWAY_UNREACHABLE, GATEWAY_REFUSED, LINK_FAILED, WIRE_NOT_PROVED
 */
export async function link(options: LinkOptions, signal: AbortSignal): Promise<Linked> {
  const { run, job } = options
  const netns = lookAround()
  const stop = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)])
  using control = await reach(options.control, stop)
  const found = await attach(control, options, netns, stop)
  if (typeof found === 'string') return { isNew: false, jobMac: found, checks: [] }
  const plan = found
  const whole = AbortSignal.any([stop, control.closed])
  try {
    await layWire(run, plan, thisSide, whole)
    const checks = await proveLink(plan, thisSide, whole)
    const asked = { op: 'proved', job, checks: [...checks] } as const
    const reply = await control.ask(asked, plainReply, { timeoutMs: 15_000, signal: stop })
    if (!reply.ok) throw refused(reply)
    return { isNew: true, jobMac: plan.jobMac, checks }
  } catch (cause) {
    await removeWire(run, plan, thisSide)
    // What the gateway said, rather than what it made fail.
    throw control.closed.aborted && !stop.aborted ? control.closed.reason : cause
  }
}

/** The plan; the hardware address instead when the wire that lies here is this job's, and proved. */
async function attach(
  control: Control,
  { job, policy, timeoutMs }: LinkOptions,
  netns: string,
  signal: AbortSignal,
): Promise<WirePlan | string> {
  const request = { op: 'attach', job, netns, waitMs: timeoutMs, ...(policy === undefined ? {} : { policy }) } as const
  const reply = await control.ask(request, attachReply, { timeoutMs, signal })
  // Looked at after the reply: the gateway has by now removed what an init that was killed left here.
  const wire = hardwareAddressOf('eth0', thisSide)
  if (reply.ok) {
    if (wire !== undefined) throw networkPresent(['eth0'])
    return reply.plan
  }
  if (reply.code === 'JOB_EXISTS' && wire !== undefined && reply.jobMac === wire) return wire
  throw refused(reply)
}

/** Tries until the gateway listens: the init may be started before it. */
async function reach(path: string, signal: AbortSignal): Promise<Control> {
  let last: unknown
  for (;;) {
    try {
      return await openControl(path, signal)
    } catch (cause) {
      if (signal.aborted) throw last ?? cause
      last = cause
      await delay(50)
    }
  }
}
