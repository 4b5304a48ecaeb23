import { constants } from 'node:http2'
import { GatewayError } from '../errors.ts'
import { overLimit, policyChanged } from '../jobs/flow-cuts.ts'
import type { Policy } from '../policy/policy.ts'
import type { OpenFlow } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamConnection } from '../upstream/pool.ts'
import type { H2Request, RawFields } from './h2-fields.ts'
import type { ExchangeLook } from './look.ts'
import { bodyLimit, refuse, type Judged } from './judge.ts'
import type { RefusedRequest } from './refusal.ts'
import { fieldsOfStream } from './seen-fields.ts'

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What an exchange is opened with. */
export interface H2ExchangeParts {
  readonly request: H2Request
  readonly judged: Judged
  /** The head, to be sent on as it is. */
  readonly fields: RawFields
  readonly about: RefusedRequest
  readonly flow: OpenFlow
  /** Who looks at it beside the policy. */
  readonly look: ExchangeLook | undefined
}

/** As HTTP/1 writes them. */
function trailerLines(fields: RawFields): Buffer {
  const lines: string[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}\r\n`)
  return Buffer.from(lines.join(''), 'latin1')
}

/** What one stream is for, decided, and its record: written once, when it is closed. */
export class H2Exchange {
  readonly request: H2Request
  readonly fields: RawFields
  readonly about: RefusedRequest
  readonly flow: OpenFlow
  readonly look: ExchangeLook | undefined
  #judged: Judged
  /** Bytes of body that may be sent. */
  #maxRequestBytes: number
  /** Bytes that the answer's body says it has; undefined where nobody looks. */
  #answerBytes: number | undefined
  /** It was under way when the policy changed, and the new one refuses it. */
  #isCut = false

  constructor({ request, judged, fields, about, flow, look }: H2ExchangeParts) {
    this.request = request
    this.fields = fields
    this.about = about
    this.flow = flow
    this.look = look
    this.#judged = judged
    this.#maxRequestBytes = bodyLimit(judged.decision)
  }

  get judged(): Judged {
    return this.#judged
  }

  /** When the origin has not acted on it (RFC 9113 §8.7), or acting on it twice does no harm (RFC 9110 §9.2.1). */
  mayRepeat(resetCode: number | undefined, isLost: boolean): boolean {
    return resetCode === constants.NGHTTP2_REFUSED_STREAM || (isLost && safe.has(this.request.method))
  }

  /** The policy has changed, and this is what it says. Why it is cut: for itself, or for the size of its body so far. */
  judgeAgain(judged: Judged, policy: Policy): Denied | undefined {
    const { decision } = judged
    this.#judged = judged
    this.#maxRequestBytes = bodyLimit(decision)
    return decision.verdict === 'deny' ? decision : this.#tooLarge(policy)
  }

  /** From here on what is refused is refused because the policy has changed. */
  cut(): void {
    this.#isCut = true
  }

  /** Takes a part of the body; the denial when it is more, or other, than may be sent. */
  send(piece: Buffer, policy: Policy): Denied | undefined {
    this.flow.sent += piece.length
    this.look?.sending(piece)
    if (this.look?.denied !== undefined) return this.look.denied
    return this.flow.sent > this.#maxRequestBytes ? this.#tooLarge(policy) : undefined
  }

  /** Takes the trailers of the request; the denial when they may not be sent. */
  sendTrailers(fields: RawFields): Denied | undefined {
    this.look?.beside?.(trailerLines(fields))
    return this.look?.denied
  }

  /** Takes the head of the answer; the denial when it may not be passed on. `isWhole`: there is no body. */
  answer(status: number, fields: RawFields, isWhole: boolean): Denied | undefined {
    const { look } = this
    if (look === undefined) return undefined
    const seen = fieldsOfStream(fields)
    const length = seen.get('content-length')
    this.#answerBytes = length === undefined ? undefined : Number(length)
    return look.answered(status, () => seen) ?? (isWhole ? look.received(this.flow) : undefined)
  }

  /** Takes a part of the answer's body; the denial when it may not be passed on. */
  receive(piece: Buffer): Denied | undefined {
    this.flow.received += piece.length
    this.look?.receiving(piece)
    // A client that counts does not wait for the end of the stream: the last piece is its end.
    return this.flow.received === this.#answerBytes ? this.received() : this.look?.denied
  }

  /** The answer's body is whole; the denial when its end may not be passed on. */
  received(): Denied | undefined {
    return this.look?.received(this.flow)
  }

  /** The record is complete: writes it. */
  close(): void {
    this.look?.end(this.flow)
    this.flow[Symbol.dispose]()
  }

  /** The connection that carries it. */
  noteConnection({ address, observed }: UpstreamConnection): void {
    this.flow.note({ address })
    if (observed !== undefined && this.#judged.decision.verdict === 'allow')
      this.flow.note({ verdict: 'observe', reason: observed })
  }

  noteStatus(status: number | undefined): void {
    if (status !== undefined) this.flow.note({ status })
  }

  noteRefused(cause: Denied | GatewayError): void {
    if (cause instanceof GatewayError)
      return this.flow.note(cause.code === 'JOB_LIMIT' ? overLimit : { error: cause.code })
    this.look?.refused()
    const { verdict, reason, rule } = cause
    this.flow.note(this.#isCut ? policyChanged(cause) : { verdict, reason, ...(rule === null ? {} : { rule }) })
  }

  /** Audit mode lets a body that is too large pass, and says so. */
  #tooLarge(policy: Policy): Denied | undefined {
    if (this.flow.sent <= this.#maxRequestBytes) return undefined
    const decision = refuse(policy, 'too-large', this.#judged.decision.rule)
    if (decision.verdict === 'deny') return decision
    this.flow.note({ verdict: 'observe', reason: 'too-large' })
    this.#maxRequestBytes = Infinity
    return undefined
  }
}
