import { controlRequest, type JobStatus, type WirePlan } from '../../../gateway/control/protocol.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import { parseAddress } from '../../../gateway/net/address.ts'
import type { Control } from '../../../sidecar-init/control.ts'

type Reply = Readonly<Record<string, unknown>>

/** The gateway behind a control socket, in memory. */
export class FakeGateway {
  readonly jobs = new Map<string, JobStatus>()
  readonly asked: string[] = []
  isUp = true
  /** A refusal for the next attaches. */
  refuses: Reply | undefined
  readonly #open = new Set<AbortController>()

  /** As after a restart: connections and jobs are gone. */
  restart(): void {
    this.jobs.clear()
    for (const connection of this.#open) connection.abort(new GatewayError('GATEWAY_UNREACHABLE', 'closed'))
    this.#open.clear()
  }

  readonly openControl = async (): Promise<Control> => {
    if (!this.isUp) throw new GatewayError('GATEWAY_UNREACHABLE', 'no gateway answers')
    const closing = new AbortController()
    this.#open.add(closing)
    const mine = new Set<string>()
    return {
      closed: closing.signal,
      ask: async (request, schema) => schema.parse(this.#answer(controlRequest.parse(request), mine)),
      [Symbol.dispose]: () => {
        for (const job of mine) if (this.jobs.get(job)?.state === 'attached') this.jobs.delete(job)
        this.#open.delete(closing)
        closing.abort(new GatewayError('GATEWAY_UNREACHABLE', 'closed'))
      },
    }
  }

  #answer(request: ReturnType<typeof controlRequest.parse>, mine: Set<string>): Reply {
    if (request.op === 'status') return { ok: true, jobs: [...this.jobs.values()] }
    const { op, job } = request
    this.asked.push(`${op} ${job}`)
    const known = this.jobs.get(job)
    if (op === 'detach') {
      this.jobs.delete(job)
      return known === undefined ? { ok: false, code: 'JOB_UNKNOWN', error: 'no such job' } : { ok: true }
    }
    if (op === 'proved') {
      if (known === undefined || !mine.has(job)) return { ok: false, code: 'JOB_UNKNOWN', error: 'no such job' }
      this.jobs.set(job, { ...known, state: 'proved' })
      return { ok: true }
    }
    if (this.refuses !== undefined) return this.refuses
    if (known !== undefined) return { ok: false, code: 'JOB_EXISTS', error: `the job ${job} is attached already` }
    mine.add(job)
    const container = request.container === undefined ? {} : { container: request.container }
    this.jobs.set(job, { job, policy: 'p', ...container, state: 'attached', jobMac: plan.jobMac, startedAt: 'now' })
    return { ok: true, plan }
  }
}

const [gatewayAddress, jobAddress] = ['198.19.0.1', '198.19.0.2'].map(parseAddress)
if (gatewayAddress === undefined || jobAddress === undefined) throw new TypeError('not an address')

/** The plan of every wire. */
export const plan: WirePlan = {
  id: '0a1b',
  device: 'tg0a1b',
  gatewayPid: 1,
  gatewayAddress,
  jobAddress,
  prefixLength: 30,
  gatewayMac: '02:00:0a:0b:0c:0d',
  jobMac: '02:01:0a:0b:0c:0d',
  jobDevice: 'eth0',
  probeKey: '1'.repeat(32),
  mode: 'block',
}
