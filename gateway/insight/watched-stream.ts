import type { DenyReason } from '../policy/decision.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent } from '../record/event.ts'
import type { Insight, SeenStream, StreamLook } from './insight.ts'

interface Watching {
  readonly insight?: Insight | undefined
  /** In force: read at each objection. */
  readonly policy: Policy
}

/** Shows a stream that is about to be carried to those who look at the job; undefined when nobody wants to see it. */
export function watchStream(job: Watching, seen: SeenStream): WatchedStream | undefined {
  const look = job.insight?.stream?.(seen)
  return look && new WatchedStream(look, job)
}

/** What those who look have said of a stream so far. */
export class WatchedStream {
  readonly #look: StreamLook
  readonly #job: Watching
  #said: { readonly verdict: 'deny' | 'observe'; readonly reason: DenyReason; readonly rule: string } | undefined

  constructor(look: StreamLook, job: Watching) {
    this.#look = look
    this.#job = job
  }

  /** Shows a part; false when it must not be sent, nor anything after it. */
  take(part: Buffer): boolean {
    if (this.#said?.verdict === 'deny') return false
    const objection = this.#look.sending(part)
    if (objection === undefined) return true
    const { reason, rule } = objection
    const verdict = this.#job.policy.mode === 'block' ? 'deny' : 'observe'
    if (verdict === 'deny' || this.#said === undefined) this.#said = { verdict, reason, rule }
    return verdict === 'observe'
  }

  /** It is over: what its line says of it beside the policy. */
  end(): Partial<FlowEvent> | undefined {
    this.#look.ended?.()
    return this.#said
  }
}
