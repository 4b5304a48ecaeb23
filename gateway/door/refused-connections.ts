import { overLimit } from '../jobs/flow-cuts.ts'
import type { Job } from '../jobs/job.ts'
import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import type { OpenFlow } from '../record/event.ts'

/** Lines are at least so far apart, in milliseconds. */
const paceMs = 1_000

/**
 * The record of connections that a limit of the job refuses: the first at once, and those of the second after it on one
 * line with their number, so that a flood of connections does not become one of lines. Disposing writes what is counted.
 */
export class RefusedConnections implements Disposable {
  readonly #job: Job
  #pace: NodeJS.Timeout | undefined
  #counting: { readonly flow: OpenFlow; count: number } | undefined

  constructor(job: Job) {
    this.#job = job
  }

  count(host: Host, port: Port): void {
    if (this.#pace !== undefined) {
      this.#counting ??= { flow: this.#openFlow({}), count: 0 }
      this.#counting.count += 1
      return
    }
    this.#pace = setTimeout(() => this.#write(), paceMs).unref()
    using _first = this.#openFlow({ host, port })
  }

  [Symbol.dispose](): void {
    this.#write()
  }

  #write(): void {
    clearTimeout(this.#pace)
    this.#pace = undefined
    if (this.#counting === undefined) return
    const { flow, count } = this.#counting
    this.#counting = undefined
    flow.note({ packets: count })
    flow[Symbol.dispose]()
  }

  #openFlow(where: { readonly host?: Host; readonly port?: Port }): OpenFlow {
    return this.#job.openFlow({ layer: 'tcp', flow: this.#job.newFlowId(), protocol: 'tcp', ...where, ...overLimit })
  }
}
