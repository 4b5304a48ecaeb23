import type { Insight } from '../insight/insight.ts'
import type { Address } from '../net/address.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent, OpenFlow, ProcessInfo, Sink } from '../record/event.ts'
import type { JobRecord } from '../record/job-record.ts'
import type { Attribute } from './attribution.ts'
import type { Job, JobSocket, VirtualAddresses } from './job.ts'
import type { PolicyInForce } from './policy-in-force.ts'

/** What a job at the end of a wire is made of. */
export interface WiredJobParts {
  readonly name: string
  readonly policy: PolicyInForce
  readonly address: Address
  readonly names: VirtualAddresses
  readonly record: JobRecord
  readonly attribute: Attribute
  readonly insight?: Insight | undefined
}

/** The job at the end of a wire, as the data path knows it: its record and its processes behind one face. */
export class WiredJob implements Job {
  readonly name: string
  readonly address: Address
  readonly names: VirtualAddresses
  readonly sink: Sink
  readonly insight: Insight | undefined
  readonly #policy: PolicyInForce
  readonly #record: JobRecord
  readonly #attribute: Attribute

  constructor(parts: WiredJobParts) {
    this.name = parts.name
    this.#policy = parts.policy
    this.address = parts.address
    this.names = parts.names
    this.sink = parts.record.sink
    this.insight = parts.insight
    this.#record = parts.record
    this.#attribute = parts.attribute
  }

  get policy(): Policy {
    return this.#policy.current
  }

  onPolicyChange(look: () => void): Disposable {
    return this.#policy.onChange(look)
  }

  get recordFailed(): boolean {
    return this.#record.failed
  }

  openFlow(facts: Omit<FlowEvent, 'startedAt'>): OpenFlow {
    return this.#record.openFlow(facts)
  }

  newFlowId(): string {
    return this.#record.newFlowId()
  }

  attribute(socket: JobSocket): Promise<ProcessInfo | undefined> {
    return this.#attribute(socket)
  }
}
