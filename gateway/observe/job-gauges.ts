import type { Gauge } from 'prom-client'
import type { Mode } from '../policy/policy.ts'
import type { Degradation } from '../record/vocabulary.ts'

/** What is shown of one job while it is there. Disposing takes it out of the sums. */
export interface JobGauges extends Disposable {
  /** The job's wire is proved and served. */
  attached(): void
  /** Whether its policy is enforced; a degraded state stands until this is called again. */
  enforcing(mode: Mode, degraded: Degradation | undefined): void
  rulesetIntact(intact: boolean): void
}

interface State {
  isAttached: boolean
  intact: boolean
  enforcing: { readonly mode: Mode; readonly degraded: Degradation | undefined } | undefined
}

/** The gauges that are sums over all jobs of the gateway. */
export class JobGaugeSet {
  readonly #jobs: Gauge
  readonly #enforcing: Gauge<'mode' | 'reason'>
  readonly #intact: Gauge
  readonly #states = new Set<State>()

  constructor(gauges: {
    readonly jobs: Gauge
    readonly enforcing: Gauge<'mode' | 'reason'>
    readonly rulesetIntact: Gauge
  }) {
    this.#jobs = gauges.jobs
    this.#enforcing = gauges.enforcing
    this.#intact = gauges.rulesetIntact
    this.#show()
  }

  open(): JobGauges {
    const state: State = { isAttached: false, intact: true, enforcing: undefined }
    this.#states.add(state)
    const changed = (change: Partial<State>): void => {
      Object.assign(state, change)
      this.#show()
    }
    return {
      attached: () => changed({ isAttached: true }),
      enforcing: (mode, degraded) => changed({ enforcing: { mode, degraded } }),
      rulesetIntact: intact => changed({ intact }),
      [Symbol.dispose]: () => {
        this.#states.delete(state)
        this.#show()
      },
    }
  }

  #show(): void {
    const states = [...this.#states]
    this.#jobs.set(states.filter(({ isAttached }) => isAttached).length)
    this.#intact.set(states.every(({ intact }) => intact) ? 1 : 0)
    this.#enforcing.reset()
    for (const { enforcing } of states) {
      if (enforcing === undefined) continue
      // A series of value 0 is what an alert looks for, however many other jobs are well.
      const { mode, degraded } = enforcing
      if (degraded === undefined) this.#enforcing.inc({ mode, reason: 'none' })
      else this.#enforcing.set({ mode, reason: degraded }, 0)
    }
  }
}
