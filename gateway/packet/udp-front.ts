import { overLimit } from '../jobs/flow-cuts.ts'
import type { OpenFlow } from '../record/event.ts'
import type { Datagram } from './udp-listener.ts'
import { openUdpFlow, type UdpContext, type UdpFlow } from './udp-flow.ts'

/** Bounds of one job's UDP. */
export interface UdpLimits {
  /** Flows at the same time; default 512. */
  readonly flows: number
  /** A flow ends when it was silent for so long; default 120,000, as a stream in connection tracking. */
  readonly idleMs: number
  /** Beyond `flows`, a flow that was silent for so long gives way to a new one; default 1,000. */
  readonly yieldMs: number
  /** What the job has sent may go on going out for so long when it has ended; default 2,000. */
  readonly drainMs: number
}

/** The front door for UDP: decides each flow of the job, and carries what may pass. */
export interface UdpFront extends Disposable {
  /** Takes a datagram from the listener. Never throws. */
  receive(datagram: Datagram): void
  /** Waits, when the job has ended, until the datagrams it had sent have gone out, at most `drainMs`. */
  drained(): Promise<void>
  /** Flows that are open, refused ones included: a refused flow is one line, however many datagrams it has. */
  readonly size: number
}

/** Opens the front door for UDP of one job; disposing it ends, and so records, all flows. */
export function openUdpFront(context: UdpContext, limits: Partial<UdpLimits> = {}): UdpFront {
  const { flows: most = 512, idleMs = 120_000, yieldMs = 1_000, drainMs = 2_000 } = limits
  const flows = new Map<string, UdpFlow>()
  const end = (key: string): void => {
    flows.get(key)?.[Symbol.dispose]()
    flows.delete(key)
  }
  const endIdle = (ms: number): void => {
    const now = performance.now()
    for (const [key, flow] of flows) if (now - flow.lastActive >= ms) end(key)
  }
  let lost: OpenFlow | undefined
  const endLost = (): void => {
    lost?.[Symbol.dispose]()
    lost = undefined
  }
  const sweep = (): void => {
    endIdle(idleMs)
    endLost()
  }
  const watching = context.job.onPolicyChange(() => {
    for (const [key, flow] of flows) if (!flow.recheck()) end(key)
  })
  const sweeping = setInterval(sweep, Math.min(idleMs, 1_000)).unref()
  return {
    get size() {
      return flows.size
    },
    receive(datagram) {
      const { source, destination, data } = datagram
      const key = `${source.address}:${source.port} ${destination.address}:${destination.port}`
      const known = flows.get(key)
      if (known !== undefined) {
        known.take(data)
        return
      }
      if (flows.size >= most) endIdle(yieldMs)
      if (flows.size >= most) {
        lost ??= openLost(context)
        lost.sent += data.length
        return
      }
      flows.set(
        key,
        openUdpFlow(context, datagram, () => flows.delete(key)),
      )
    },
    async drained() {
      const opened = Promise.all([...flows.values()].map(flow => flow.opened))
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, drainMs)
      await Promise.race([opened, late])
      clearTimeout(timer)
    },
    [Symbol.dispose]() {
      watching[Symbol.dispose]()
      clearInterval(sweeping)
      for (const key of flows.keys()) end(key)
      endLost()
    },
  }
}

/** One line a second for all that the limit refuses: the record must not be the flood's amplifier. */
function openLost({ job }: UdpContext): OpenFlow {
  return job.openFlow({ layer: 'udp', protocol: 'udp', ...overLimit })
}
