import { constants, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2'
import { GatewayError, type ErrorCode } from '../errors.ts'
import type { OpenFlow } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { HttpContext } from './context.ts'
import { answerRefusal } from './h2-answer.ts'
import { isWhole, sendTrailers } from './h2-end.ts'
import { fieldObject, isDnsAnswer, requestFields, responseFields, type H2Request, type RawFields } from './h2-fields.ts'
import type { OriginSession, OriginSessions } from './h2-origin.ts'
import { mayCarryDns, refuse, type Judged } from './judge.ts'
import type { RefusedRequest } from './refusal.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_FLAG_END_STREAM } = constants

/** Interim answers on one stream; more is not an answer but a flood. */
const maxInterim = 64
/** Methods that may be sent again when nothing came back (RFC 9110 §9.2.1). */
const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What a stream is for, decided. */
export interface H2Exchange {
  readonly request: H2Request
  readonly judged: Judged
  /** The head, to be sent on as it is. */
  readonly fields: RawFields
  readonly about: RefusedRequest
  readonly flow: OpenFlow
}

/**
 * One allowed stream between its client and the origin: heads, bodies, trailers and resets both ways, each side at the
 * pace of the other. Its record is written when the client's side is closed.
 */
export class H2Stream {
  readonly #client: ServerHttp2Stream
  readonly #exchange: H2Exchange
  readonly #context: HttpContext
  readonly #sessions: OriginSessions
  readonly #maxRequestBytes: number
  #origin: ClientHttp2Stream | undefined
  #requestTrailers: Record<string, string | string[]> = {}
  #responseTrailers: Record<string, string | string[]> = {}
  #interim = 0
  #attempts = 0
  #answered = false
  #finished = false

  constructor(client: ServerHttp2Stream, exchange: H2Exchange, context: HttpContext, sessions: OriginSessions) {
    const { decision } = exchange.judged
    this.#client = client
    this.#exchange = exchange
    this.#context = context
    this.#sessions = sessions
    this.#maxRequestBytes = decision.verdict === 'allow' ? (decision.maxRequestBytes ?? Infinity) : Infinity
    client.on('close', this.#onClientClose)
    // Unlike the body they do not wait until they are read, and the origin may not be reached yet.
    client.on('trailers', (_headers, _flags, raw) => {
      this.#requestTrailers = fieldObject(raw)
    })
  }

  /** Sends the request on, at once where a session with the origin stands. */
  start(): void {
    this.#attempts += 1
    const session = this.#sessions.ready(this.#context.job.policy)
    if (session !== undefined) this.#send(session)
    else void this.#open()
  }

  async #open(): Promise<void> {
    try {
      const opened = await this.#sessions.open(this.#context.job.policy, this.#context.limits.connectMs)
      if (this.#client.destroyed) return
      if ('verdict' in opened) return this.#refuse(opened)
      // Others waited for the same session and may have filled it.
      this.#send(this.#sessions.ready(this.#context.job.policy) ?? opened)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      if (!this.#client.destroyed) this.#refuse(cause)
    }
  }

  #send(session: OriginSession): void {
    const { flow, judged, fields } = this.#exchange
    const { connection } = session
    flow.note({ address: connection.address })
    if (connection.observed !== undefined && judged.decision.verdict === 'allow') {
      flow.note({ verdict: 'observe', reason: connection.observed })
    }
    const hasBody = !this.#client.endAfterHeaders
    let origin: ClientHttp2Stream
    try {
      origin = session.session.request(requestFields(fields), { endStream: !hasBody, waitForTrailers: hasBody })
    } catch {
      // A field that nghttp2 let in and Node does not let out.
      return this.#refuse({ verdict: 'deny', reason: 'malformed', rule: null })
    }
    this.#origin = origin
    session.take()
    origin.once('close', () => session.giveBack())
    // `close` follows with the code.
    origin.on('error', () => {})
    origin.on('headers', this.#onInterim)
    origin.on('response', this.#onResponse)
    origin.on('trailers', (_headers, _flags, raw) => {
      this.#responseTrailers = fieldObject(raw)
    })
    origin.on('close', () => this.#onOriginClose(origin, session))
    if (hasBody) this.#forwardBody(origin)
  }

  #forwardBody(origin: ClientHttp2Stream): void {
    const client = this.#client
    origin.on('wantTrailers', () => sendTrailers(origin, this.#requestTrailers))
    origin.on('drain', () => client.resume())
    client.on('data', (chunk: Buffer) => {
      const { flow } = this.#exchange
      flow.sent += chunk.length
      if (flow.sent > this.#maxRequestBytes) return this.#tooLarge()
      if (!origin.write(chunk)) client.pause()
    })
    client.on('end', () => {
      if (isWhole(client)) origin.end()
    })
  }

  /** Audit mode lets a body that is too large pass, and says so. */
  #tooLarge(): void {
    const { judged, flow } = this.#exchange
    const decision = refuse(this.#context.job.policy, 'too-large', judged.decision.rule)
    if (decision.verdict !== 'deny') return
    this.#client.removeAllListeners('data')
    this.#origin?.close(NGHTTP2_CANCEL)
    if (!this.#client.headersSent) return this.#refuse(decision)
    flow.note({ verdict: 'deny', reason: decision.reason })
    this.#client.close(NGHTTP2_CANCEL)
  }

  readonly #onInterim = (_headers: unknown, _flags: number, raw: string[]): void => {
    this.#interim += 1
    if (this.#interim > maxInterim) {
      this.#origin?.close(NGHTTP2_CANCEL)
      return
    }
    if (this.#client.destroyed || this.#client.closed || this.#client.headersSent) return
    try {
      this.#client.additionalHeaders(fieldObject(raw))
    } catch (cause) {
      this.#notUnderstood(cause)
    }
  }

  /** The origin's answer has a status or a field that cannot be sent on. */
  #notUnderstood(cause: unknown): void {
    this.#refuse(new GatewayError('UPSTREAM_PROTOCOL', 'the answer of the origin cannot be sent on', { cause }))
    this.#origin?.close(NGHTTP2_CANCEL)
  }

  readonly #onResponse = (headers: { ':status'?: number }, flags: number, raw: string[]): void => {
    const client = this.#client
    const origin = this.#origin
    if (origin === undefined || client.destroyed || client.closed) return
    this.#answered = true
    if (isDnsAnswer(raw) && this.#refusesDns()) return origin.close(NGHTTP2_CANCEL)
    const endStream = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    const options = { endStream, waitForTrailers: !endStream, sendDate: false }
    try {
      client.respond(responseFields(raw), options)
    } catch (cause) {
      return this.#notUnderstood(cause)
    }
    const status = headers[':status']
    if (status !== undefined) this.#exchange.flow.note({ status })
    if (endStream) {
      this.#finished = true
      return
    }
    client.on('wantTrailers', () => sendTrailers(client, this.#responseTrailers))
    client.on('drain', () => origin.resume())
    origin.on('data', (chunk: Buffer) => {
      this.#exchange.flow.received += chunk.length
      // 204, 304 and answers to HEAD have ended already.
      if (!client.writableEnded && !client.write(chunk)) origin.pause()
    })
    origin.on('end', () => {
      if (!isWhole(origin)) return
      this.#finished = true
      client.end()
    })
  }

  /** A resolver that answers without being asked in a way we know (D2). */
  #refusesDns(): boolean {
    const { judged, request, flow } = this.#exchange
    if (mayCarryDns(this.#context, judged, request.method)) return false
    const decision = refuse(this.#context.job.policy, 'protocol', judged.decision.rule)
    if (decision.verdict === 'deny') this.#refuse(decision)
    else flow.note({ verdict: decision.verdict, reason: decision.reason })
    return decision.verdict === 'deny'
  }

  /** The origin's side is over: well, by a reset, or with its session. */
  #onOriginClose(origin: ClientHttp2Stream, session: OriginSession): void {
    if (this.#finished || this.#client.destroyed || this.#client.closed || this.#origin !== origin) return
    const isLost = session.session.destroyed || session.session.closed
    if (!this.#answered) {
      if (this.#mayRepeat(origin, isLost)) return this.start()
      if (isLost) return this.#refuse(new GatewayError('UPSTREAM_TRUNCATED', 'the origin closed before it answered'))
    }
    this.#note('UPSTREAM_TRUNCATED')
    // Never "no error": the client would take what it has for all there is.
    this.#client.close(origin.rstCode === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : origin.rstCode)
  }

  /** Once, when the origin has not acted on it (RFC 9113 §8.7), or when acting on it twice does no harm. */
  #mayRepeat(origin: ClientHttp2Stream, isLost: boolean): boolean {
    if (this.#attempts > 1 || !this.#client.endAfterHeaders || this.#interim > 0) return false
    return origin.rstCode === NGHTTP2_REFUSED_STREAM || (isLost && safe.has(this.#exchange.request.method))
  }

  #refuse(cause: Denied | GatewayError): void {
    const { flow, about, request } = this.#exchange
    if (this.#finished || this.#client.destroyed || this.#client.closed) return
    this.#finished = true
    if (cause instanceof GatewayError) flow.note({ error: cause.code })
    else flow.note({ verdict: cause.verdict, reason: cause.reason })
    flow.note({ status: answerRefusal(this.#client, about, cause, request.isGrpc) })
  }

  readonly #onClientClose = (): void => {
    if (!this.#finished) this.#note('CLIENT_ABORTED')
    this.#exchange.flow[Symbol.dispose]()
    const origin = this.#origin
    if (origin === undefined || origin.closed) return
    const code = this.#client.rstCode
    // Both are whole; the answer was the sooner, and the end of the request, with its trailers, may be under way.
    if (this.#finished && code === NGHTTP2_NO_ERROR && origin.writableEnded) {
      return this.#context.track?.(new Promise(closed => origin.once('close', closed)))
    }
    origin.close(code === NGHTTP2_NO_ERROR && !this.#finished ? NGHTTP2_CANCEL : code)
  }

  #note(error: ErrorCode): void {
    this.#finished = true
    this.#exchange.flow.note({ error })
  }
}
