import { type ErrorCode, GatewayError } from '../errors.ts'
import { overLimit, policyChanged } from '../jobs/flow-cuts.ts'
import type { Decision, DenyReason } from '../policy/decision.ts'
import type { FlowEvent, OpenFlow } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamConnection } from '../upstream/pool.ts'
import type { HttpContext } from './context.ts'
import type { RequestHead } from './head.ts'
import type { ExchangeLook, LookedAt } from './look.ts'
import { bodyLimit, type Judged, judgeRequest, mayCarryDns, refuseUnread } from './judge.ts'
import type { RefusedRequest } from './refusal.ts'
import { requestFacts } from './request-facts.ts'

/** Methods that may be sent again when nothing came back (RFC 9110 §9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** One request and its answer, and their record: written once, when it is closed. */
export class Exchange {
  readonly flow: OpenFlow
  readonly isHead: boolean
  readonly isIdempotent: boolean
  /** The origin may answer 101, and then both directions are opaque. */
  readonly mayUpgrade: boolean
  readonly isWebSocket: boolean
  /** Who looks at it beside the policy. */
  readonly look: ExchangeLook | undefined
  /** Bytes of payload that may be sent. */
  maxRequestBytes: number
  /** The connection ends with this exchange. */
  closeAfter: boolean
  /** The whole request as it was sent, while it may be sent again. */
  replay: Buffer | undefined
  /** Something of the answer has reached the client; interim answers aside. */
  answered = false
  /** Only the end of the connection marks the end of the answer. */
  endsByClose = false
  /** Nobody but the client knows where the answer ends. */
  isUnbounded = false
  /** The client sends no more; it may have gone. */
  clientEnded = false
  /** The last byte of the answer has been handed to the client. */
  complete = false
  /** The origin has agreed to another protocol, and may speak it. */
  isUpgraded = false
  /** It was under way when the policy changed, and the new one refuses it. */
  isCut = false
  readonly #context: HttpContext
  readonly #head: RequestHead
  #judged: Judged
  readonly #authority: string | undefined
  #closed = false
  #isBroken = false

  constructor(
    context: HttpContext,
    head: RequestHead,
    { judged, look }: LookedAt,
    connection: UpstreamConnection | undefined,
    authority?: string,
  ) {
    this.look = look
    this.#authority = authority
    const { decision } = judged
    this.#context = context
    this.#head = head
    this.#judged = judged
    this.isHead = head.method === 'HEAD'
    this.isIdempotent = idempotent.has(head.method)
    this.mayUpgrade = head.upgrade === 'websocket' || head.upgrade === 'other'
    this.isWebSocket = head.upgrade === 'websocket'
    this.maxRequestBytes = bodyLimit(decision)
    this.closeAfter = head.close || (head.minor === 0 && !head.keepAlive)
    this.flow = context.job.openFlow(facts(context, head, judged, connection))
    if (connection !== undefined) this.#noteAddress(connection)
    if (look?.note !== undefined) this.flow.note(look.note)
  }

  get rule(): string | null {
    return this.#judged.decision.rule
  }

  /** A rule names this path, so DNS over HTTPS is meant; or it is observed already. */
  get mayCarryDns(): boolean {
    return mayCarryDns(this.#context, this.#judged, this.#head.method)
  }

  /** What a refusal says about this request. */
  get about(): RefusedRequest {
    const { job, host, port, scheme } = this.#context
    const { path } = this.#judged
    const authority = this.#authority
    return {
      job: job.name,
      mode: job.policy.mode,
      scheme: this.#head.upgrade === 'websocket' ? this.#judged.scheme : scheme,
      host,
      port,
      ...(this.#head.method !== '' && { method: this.#judged.method ?? this.#head.method }),
      ...(path !== undefined && { path }),
      ...(this.#judged.decision.reason === 'host-mismatch' && authority !== undefined && { authority }),
    }
  }

  /** Decides it again by the policy in force, whose word and limit hold from here on. */
  judgeAgain(): Decision {
    const head = this.#head
    const isRead = head.fault === undefined && head.method !== ''
    const { scheme } = this.#judged
    this.#judged = isRead
      ? judgeRequest(this.#context, requestFacts(head, this.#context))
      : { decision: refuseUnread(this.#context, 'malformed'), scheme, path: undefined }
    const { decision } = this.#judged
    this.maxRequestBytes = bodyLimit(decision)
    return decision
  }

  /** The connection that carries it, once there is one. */
  noteConnection(connection: UpstreamConnection): void {
    this.flow.note({ address: connection.address })
    this.#noteAddress(connection)
  }

  /** `status`: what the client was told, where it still could be told something. */
  noteRefused(cause: Denied | GatewayError, status?: number): void {
    if (status !== undefined) this.flow.note({ status })
    if (cause instanceof GatewayError)
      return cause.code === 'JOB_LIMIT' ? this.flow.note(overLimit) : this.noteError(cause.code)
    this.look?.refused()
    if (this.isCut) return this.flow.note(policyChanged(cause))
    const { reason, rule } = cause
    const { literal } = this.#context
    this.flow.note({
      verdict: 'deny',
      reason,
      ...(rule !== null && { rule }),
      ...(literal !== undefined && { address: literal }),
    })
  }

  /** It goes on, but block mode would not have let it (audit). */
  noteObserved(reason: DenyReason): void {
    this.flow.note({ verdict: 'observe', reason })
  }

  /** What broke first; what breaks because of it is not news. */
  noteError(error: ErrorCode): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.flow.note({ error })
  }

  /** Writes the record; what happens to it afterwards is not recorded. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.look?.end(this.flow)
    this.flow[Symbol.dispose]()
  }

  #noteAddress({ observed }: UpstreamConnection): void {
    if (observed !== undefined && this.#judged.decision.verdict === 'allow') this.noteObserved(observed)
  }
}

/** Assigned one by one where optional: an object put together by spreading costs several times as much. */
function facts(
  context: HttpContext,
  head: RequestHead,
  { decision, path, asked }: Judged,
  connection: UpstreamConnection | undefined,
): Omit<FlowEvent, 'startedAt'> {
  const known: { -readonly [Key in keyof Omit<FlowEvent, 'startedAt'>]: FlowEvent[Key] } = {
    layer: 'http',
    flow: context.flow,
    host: context.host,
    port: context.port,
    protocol: 'http/1.1',
    verdict: decision.verdict,
    reason: decision.reason,
    inspected: context.inspected,
  }
  if (head.method !== '') {
    known.method = head.method
    known.path = path ?? pathAsSent(head)
  }
  if (asked !== undefined) known.asked = asked
  if (decision.rule !== null) known.rule = decision.rule
  if (context.process !== undefined) known.process = context.process
  if (connection !== undefined) known.address = connection.address
  return known
}

function pathAsSent({ target }: RequestHead): string {
  const queryAt = target.indexOf('?')
  return queryAt < 0 ? target : target.slice(0, queryAt)
}
