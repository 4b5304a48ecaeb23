import type { Job, JobSocket, VirtualAddresses } from '../jobs/job.ts'
import type { Insight } from '../insight/insight.ts'
import type { Address } from '../net/address.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent, OpenFlow, ProcessInfo, Sink } from '../record/event.ts'

/**
 * A job as one connection's relay sees it: the same job, but the connection learns whether anything was recorded under
 * it. A TLS connection on which no request ever came is then recorded as what it was, and none is recorded twice.
 */
export class ObservedJob implements Job {
  readonly #job: Job
  #flows = 0

  constructor(job: Job) {
    this.#job = job
  }

  /** Flows recorded so far under this connection. */
  get flows(): number {
    return this.#flows
  }

  get name(): string {
    return this.#job.name
  }

  get policy(): Policy {
    return this.#job.policy
  }

  onPolicyChange(look: () => void): Disposable {
    return this.#job.onPolicyChange(look)
  }

  get address(): Address {
    return this.#job.address
  }

  get names(): VirtualAddresses {
    return this.#job.names
  }

  get sink(): Sink {
    return this.#job.sink
  }

  get insight(): Insight | undefined {
    return this.#job.insight
  }

  get recordFailed(): boolean {
    return this.#job.recordFailed
  }

  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow {
    this.#flows += 1
    return this.#job.openFlow(facts)
  }

  newFlowId(): string {
    return this.#job.newFlowId()
  }

  attribute(socket: JobSocket): Promise<ProcessInfo | undefined> {
    return this.#job.attribute(socket)
  }
}
