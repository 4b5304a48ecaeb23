import type { Objection, RequestLook, SeenFields } from '../insight/insight.ts'
import { isObjection } from '../insight/insight.ts'
import type { Policy } from '../policy/policy.ts'
import type { FlowEvent, OpenFlow } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { HttpContext } from './context.ts'
import { refuse, type Judged, type RequestFacts } from './judge.ts'

/** A request decided, and who looks at it further. */
export interface LookedAt {
  readonly judged: Judged
  readonly look: ExchangeLook | undefined
}

/** Shows a decided request to those who look at the job; what they object to is refused, or in audit observed. */
export function lookAt(context: HttpContext, facts: RequestFacts, judged: Judged, fields: () => SeenFields): LookedAt {
  const { insight, policy } = context.job
  if (insight?.request === undefined) return { judged, look: undefined }
  const { decision, scheme, path } = judged
  const look = insight.request({
    scheme,
    host: context.host,
    port: context.port,
    method: facts.method,
    target: facts.target,
    path,
    fields: fields(),
    flow: context.flow,
    process: context.process,
    verdict: decision.verdict,
  })
  if (look === undefined) return { judged, look: undefined }
  const { objection } = look
  const narrowed =
    objection === undefined || decision.verdict === 'deny'
      ? judged
      : { ...judged, decision: refuse(policy, objection.reason, objection.rule) }
  return { judged: narrowed, look: new ExchangeLook(look, context) }
}

/** What somebody's look at an exchange has brought so far. After an objection that is obeyed nothing more is shown. */
export class ExchangeLook {
  readonly #look: RequestLook
  readonly #context: HttpContext
  #denied: Denied | undefined
  /** What block mode would have refused, unless something else refuses it after all. */
  #observed: Partial<FlowEvent> | undefined
  #isWhole = false
  #isOver = false

  constructor(look: RequestLook, context: HttpContext) {
    this.#look = look
    this.#context = context
  }

  /** The exchange must not go on. */
  get denied(): Denied | undefined {
    return this.#denied
  }

  /** Facts that are known at the beginning. */
  get note(): Partial<FlowEvent> | undefined {
    return this.#look.note
  }

  readonly sending = (part: Buffer): void => {
    if (this.#denied === undefined) this.#take(this.#look.sending?.(part))
  }

  /** Undefined when nobody wants it. */
  get beside(): ((part: Buffer) => void) | undefined {
    if (this.#look.beside === undefined) return undefined
    return part => {
      if (this.#denied === undefined) this.#take(this.#look.beside?.(part))
    }
  }

  readonly receiving = (part: Buffer): void => {
    if (this.#denied === undefined) this.#take(this.#look.receiving?.(part))
  }

  answered(status: number, fields: () => SeenFields): Denied | undefined {
    const isShown = this.#denied === undefined && this.#look.answered !== undefined
    if (isShown) this.#take(this.#look.answered?.(status, fields()))
    return this.#denied
  }

  /** The answer's body is whole, and its end has not been passed on. Told once. */
  received(flow: OpenFlow): Denied | undefined {
    if (this.#isWhole || this.#denied !== undefined) return this.#denied
    this.#isWhole = true
    const said = this.#look.received?.()
    if (isObjection(said)) this.#take(said)
    else if (said !== undefined) flow.note(said)
    return this.#denied
  }

  /** It was refused, by whomever: that is the last word on it. */
  refused(): void {
    this.#observed = undefined
  }

  /** The exchange is over: adds to its record what is known in the end. */
  end(flow: OpenFlow): void {
    if (this.#isOver) return
    this.#isOver = true
    const said = this.#look.ended?.()
    if (said !== undefined) flow.note(said)
    if (this.#observed !== undefined) flow.note(this.#observed)
  }

  #take(objection: Objection | undefined): void {
    if (objection === undefined || this.#denied !== undefined) return
    const decision = refuse(this.#policy, objection.reason, objection.rule)
    if (decision.verdict === 'deny') this.#denied = decision
    else this.#observed ??= { verdict: 'observe', reason: objection.reason, rule: objection.rule }
  }

  get #policy(): Policy {
    return this.#context.job.policy
  }
}
