import type { DenyReason } from '../policy/decision.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent } from '../record/event.ts'
import type { Insight, SeenStream, StreamLook } from './insight.ts'

interface Watching {
  readonly insight?: Insight | undefined
  /** In force: read at each objection. */
  readonly policy: Policy
}

type Note = (facts: Partial<FlowEvent>) => void

/**
 * Shows a stream that is about to be carried to those who look at the job; undefined when nobody wants to see it. What they
 * only observe is told to `note` when it is seen: what refuses the flow later stands above it.
 */
export function watchStream(job: Watching, seen: SeenStream, note: Note): WatchedStream | undefined {
  const look = job.insight?.stream?.(seen)
  return look && new WatchedStream(look, job, note)
}

/** What those who look have said of a stream so far. */
export class WatchedStream {
  readonly #look: StreamLook
  readonly #job: Watching
  readonly #note: Note
  #denied: { readonly verdict: 'deny'; readonly reason: DenyReason; readonly rule: string } | undefined
  #isObserved = false

  constructor(look: StreamLook, job: Watching, note: Note) {
    this.#look = look
    this.#job = job
    this.#note = note
  }

  /** Something was objected to and passed: its line names it already. */
  get isObserved(): boolean {
    return this.#isObserved
  }

  /** Shows a part; false when it must not be sent, nor anything after it. */
  take(part: Buffer): boolean {
    if (this.#denied !== undefined) return false
    const objection = this.#look.sending(part)
    if (objection === undefined) return true
    const { reason, rule } = objection
    if (this.#job.policy.mode === 'block') {
      this.#denied = { verdict: 'deny', reason, rule }
      return false
    }
    if (!this.#isObserved) this.#note({ verdict: 'observe', reason, rule })
    this.#isObserved = true
    return true
  }

  /** It is over: what its line says when they have ended it. */
  end(): Partial<FlowEvent> | undefined {
    this.#look.ended?.()
    return this.#denied
  }
}
