import type { Mode } from '../policy/policy.ts'
import type { Degradation } from '../record/vocabulary.ts'
import type { JobGauges } from './job-gauges.ts'

/** Whether a job is protected as promised: the `enforcing` gauge now, and what the exit code asks at the end. */
export class Enforcement {
  readonly #gauges: JobGauges
  #mode: Mode
  readonly #current = new Set<Degradation>()
  readonly #ever = new Set<Degradation>()

  constructor(gauges: JobGauges, mode: Mode) {
    this.#gauges = gauges
    this.#mode = mode
    this.#show()
  }

  /** True once anything was less than promised, also when it has recovered. */
  get wasDegraded(): boolean {
    return this.#ever.size > 0
  }

  /** Notes a degraded state. True when it is a new one of its kind. */
  degrade(kind: Degradation): boolean {
    const isNew = !this.#current.has(kind)
    this.#current.add(kind)
    this.#ever.add(kind)
    this.#show()
    return isNew
  }

  /** The state is as promised again; that it was not stays known. */
  recover(kind: Degradation): void {
    if (this.#current.delete(kind)) this.#show()
  }

  /** Another policy is in force. */
  changeMode(mode: Mode): void {
    this.#mode = mode
    this.#show()
  }

  #show(): void {
    const [first] = this.#current
    this.#gauges.enforcing(this.#mode, first)
  }
}
