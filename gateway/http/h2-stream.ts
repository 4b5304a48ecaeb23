import { constants, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2'
import { GatewayError, type ErrorCode } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamConnection } from '../upstream/pool.ts'
import { type HttpContext, maxInterim } from './context.ts'
import { answerRefusal } from './h2-answer.ts'
import { forwardBody } from './h2-body.ts'
import type { H2Exchange } from './h2-exchange.ts'
import { fieldObject, isDnsAnswer, requestFields, responseFields, type H2Request } from './h2-fields.ts'
import type { OriginSession, OriginSessions } from './h2-origin.ts'
import { mayCarryDns, refuse, type Judged } from './judge.ts'
import { leadsNowhere } from './recheck.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants
const { NGHTTP2_FLAG_END_STREAM } = constants

/** A field that nghttp2 let in and Node does not let out. */
const malformed: Denied = { verdict: 'deny', reason: 'malformed', rule: null }

/**
 * One allowed stream between its client and the origin: heads, bodies, trailers and resets both ways, each side at the
 * pace of the other. Its record is written when the client's side is closed.
 */
export class H2Stream {
  readonly #client: ServerHttp2Stream
  readonly #exchange: H2Exchange
  readonly #context: HttpContext
  readonly #sessions: OriginSessions
  #origin: ClientHttp2Stream | undefined
  #connection: UpstreamConnection | undefined
  #requestTrailers: Record<string, string | string[]> = {}
  #responseTrailers: Record<string, string | string[]> = {}
  #interim = 0
  #attempts = 0
  #answered = false
  #finished = false

  constructor(client: ServerHttp2Stream, exchange: H2Exchange, context: HttpContext, sessions: OriginSessions) {
    this.#client = client
    this.#exchange = exchange
    this.#context = context
    this.#sessions = sessions
    client.on('close', this.#onClientClose)
    // Unlike the body they do not wait until they are read, and the origin may not be reached yet.
    client.on('trailers', (_headers, _flags, raw) => {
      this.#requestTrailers = fieldObject(requestFields(raw))
      const denied = exchange.sendTrailers(raw)
      if (denied !== undefined) this.#cut(denied)
    })
  }

  /** The policy has changed: cut if `judge` denies the stream now, or if its body so far or its way is denied (bypass N19). */
  decideAgain(judge: (request: H2Request) => Judged): void {
    if (this.#isOver || this.#client.destroyed || this.#client.closed) return
    const leads = this.#connection === undefined ? undefined : leadsNowhere(this.#context, this.#connection)
    const denied = this.#exchange.judgeAgain(judge(this.#exchange.request), this.#context.job.policy) ?? leads
    if (denied === undefined) return
    this.#exchange.cut()
    this.#cut(denied)
  }

  /** Nothing of it is under way any more: it is answered, by the origin or by us, and the origin has all of it. */
  get #isOver(): boolean {
    return this.#finished && (this.#origin === undefined || this.#origin.writableFinished || this.#origin.closed)
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
      if (this.#finished || this.#client.destroyed) return
      if ('verdict' in opened) return this.#refuse(opened)
      const denied = leadsNowhere(this.#context, opened.connection)
      if (denied !== undefined) return this.#refuse(denied)
      // Others waited for the same session and may have filled it.
      this.#send(this.#sessions.ready(this.#context.job.policy) ?? opened)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      if (!this.#client.destroyed) this.#refuse(cause)
    }
  }

  #send(session: OriginSession): void {
    const { connection } = session
    this.#exchange.noteConnection(connection)
    const hasBody = !this.#client.endAfterHeaders
    let origin: ClientHttp2Stream
    try {
      const options = { endStream: !hasBody, waitForTrailers: hasBody }
      origin = session.session.request(requestFields(this.#exchange.fields), options)
    } catch {
      return this.#refuse(malformed)
    }
    this.#origin = origin
    this.#connection = connection
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
    if (!hasBody) return
    forwardBody(this.#client, origin, {
      take: piece => {
        const denied = this.#exchange.send(piece, this.#context.job.policy)
        if (denied !== undefined) this.#cut(denied)
        return denied === undefined
      },
      trailers: () => this.#requestTrailers,
      ended: () => true,
      unsendable: () => this.#cut(malformed),
    })
  }

  /** Ends it on both sides: with the sentence where the client has no answer yet. */
  #cut(denied: Denied): void {
    this.#client.removeAllListeners('data')
    this.#origin?.close(NGHTTP2_CANCEL)
    if (!this.#finished && !this.#client.headersSent) return this.#refuse(denied)
    this.#exchange.noteRefused(denied)
    this.#finished = true
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
    const objection = this.#exchange.answer(headers[':status'] ?? 0, raw, endStream)
    if (objection !== undefined) return this.#cut(objection)
    const options = { endStream, waitForTrailers: !endStream, sendDate: false }
    try {
      client.respond(responseFields(raw), options)
    } catch (cause) {
      return this.#notUnderstood(cause)
    }
    this.#exchange.noteStatus(headers[':status'])
    if (endStream) {
      this.#finished = true
      return
    }
    forwardBody(origin, client, {
      take: piece => {
        const denied = this.#exchange.receive(piece)
        if (denied !== undefined) this.#cut(denied)
        return denied === undefined
      },
      trailers: () => this.#responseTrailers,
      ended: () => {
        const denied = this.#exchange.received()
        if (denied !== undefined) this.#cut(denied)
        this.#finished = true
        return denied === undefined
      },
      unsendable: () => {
        this.#note('UPSTREAM_PROTOCOL')
        client.close(NGHTTP2_PROTOCOL_ERROR)
        origin.close(NGHTTP2_CANCEL)
      },
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
      const isUntouched = this.#attempts === 1 && this.#client.endAfterHeaders && this.#interim === 0
      if (isUntouched && this.#exchange.mayRepeat(origin.rstCode, isLost)) return this.start()
      // What a leaving origin has refused, the client may send again: it must hear of that, not of a failure.
      if (isLost && origin.rstCode !== NGHTTP2_REFUSED_STREAM)
        return this.#refuse(new GatewayError('UPSTREAM_TRUNCATED', 'the origin closed before it answered'))
    }
    this.#note('UPSTREAM_TRUNCATED')
    // Never "no error": the client would take what it has for all there is.
    this.#client.close(origin.rstCode === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : origin.rstCode)
  }

  #refuse(cause: Denied | GatewayError): void {
    const { flow, about, request } = this.#exchange
    if (this.#finished || this.#client.destroyed || this.#client.closed) return
    this.#finished = true
    this.#exchange.noteRefused(cause)
    flow.note({ status: answerRefusal(this.#client, about, cause, request.isGrpc) })
  }

  readonly #onClientClose = (): void => {
    const isAnswered = this.#finished
    if (!isAnswered) this.#note('CLIENT_ABORTED')
    this.#exchange.close()
    const origin = this.#origin
    if (origin === undefined || origin.closed) return
    const code = this.#client.rstCode
    // Both are whole; the answer was the sooner, and the end of the request, with its trailers, may be under way.
    if (isAnswered && code === NGHTTP2_NO_ERROR && origin.writableEnded) {
      return this.#context.track?.(new Promise(closed => origin.once('close', closed)))
    }
    // A client that closes its connection resets nothing, and is gone all the same.
    origin.close(code === NGHTTP2_NO_ERROR && !isAnswered ? NGHTTP2_CANCEL : code)
  }

  #note(error: ErrorCode): void {
    this.#finished = true
    this.#exchange.flow.note({ error })
  }
}
