import { performServerHandshake, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { GatewayError } from '../errors.ts'
import { overLimit } from '../jobs/flow-cuts.ts'
import type { Decision } from '../policy/decision.ts'
import type { Denied } from '../upstream/outside.ts'
import type { HttpContext, HttpLimits } from './context.ts'
import { SignOfLife } from './h2-alive.ts'
import { answerRefusal } from './h2-answer.ts'
import { readRequest, withSensitivity, type H2Request, type RawFields } from './h2-fields.ts'
import { originSessions, type OriginSessions } from './h2-origin.ts'
import { H2Exchange } from './h2-exchange.ts'
import { H2Stream } from './h2-stream.ts'
import { judgeRequest, refuse, type Judged } from './judge.ts'
import { lookAt, type LookedAt } from './look.ts'
import { fieldsOfStream } from './seen-fields.ts'

/** Streams that one client connection may have open at once. */
const maxStreams = 256
/** Streams that a client may reset: a burst, and then so many a second (CVE-2023-44487). */
const resetBurst = 1000
const resetsPerSecond = 50

/**
 * Windows for what clients send. A stream's stays at the protocol's own 65,535: what is under way then fits into the
 * buffers of the two sockets. Where it does not, curl 7.88 (Debian 12, and git with it) sends a part of an upload twice.
 */
const streamWindow = 65_535
const sessionWindow = 4 * 1024 * 1024
/** Of a job with many connections each gets its part of this, so that a crowd of slow uploads does not fill the memory (bypass P9). */
const jobWindow = 64 * 1024 * 1024

/**
 * Relays HTTP/2 between one client connection and its origin until the connection ends; each stream is decided on its
 * own. Owns `client`, a TLS socket on which `h2` was agreed. Settles when the client connection is closed, and never
 * rejects: what went wrong is in the record.
 */
export async function relayHttp2(client: Socket, context: HttpContext): Promise<void> {
  // HTTP/2 knows no half-open connection, and Node's session would never notice one.
  client.allowHalfOpen = false
  const session = performServerHandshake(client, sessionOptions(context.limits))
  const share = Math.floor(jobWindow / (context.crowd ?? 1))
  session.setLocalWindowSize(Math.max(streamWindow, Math.min(sessionWindow, share)))
  const sessions = originSessions(context.upstream)
  const streams = new Set<H2Stream>()
  using _looking = context.job.onPolicyChange(() => {
    for (const one of streams) one.decideAgain(request => judgeStream(context, request))
  })
  // `close` follows, and each stream's record says how it ended; an unheard error would end the process.
  session.on('error', () => {})
  session.on('stream', (stream, headers, _flags, raw) =>
    beginStream(stream, headers, raw, { context, sessions, streams }),
  )
  session.setTimeout(context.limits.idleMs, () => closeWhenIdle(session, context.limits))
  // One that is being closed may not see its end by itself; the others have their time limits.
  const life = new SignOfLife(session, client)
  const asking = setInterval(() => session.closed && life.ask(), context.limits.aliveMs).unref()
  // Not events.once: that rejects when an `error` comes first, as with a client that resets.
  if (!session.destroyed) await new Promise<void>(closed => session.once('close', () => closed()))
  clearInterval(asking)
}

function sessionOptions(limits: HttpLimits) {
  return {
    settings: {
      enableConnectProtocol: false,
      initialWindowSize: streamWindow,
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: limits.maxRequestHead,
    },
    maxHeaderListPairs: limits.maxFields,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSessionMemory: 16,
    streamResetBurst: resetBurst,
    streamResetRate: resetsPerSecond,
    strictSingleValueFields: false,
  }
}

/** Without traffic: between streams the connection is closed in good order; under a stream it has stalled. */
function closeWhenIdle(session: Http2Session, limits: HttpLimits): void {
  session.close()
  session.setTimeout(limits.stallMs, () => session.destroy())
}

/** What the streams of one client connection share. */
interface Shared {
  readonly context: HttpContext
  readonly sessions: OriginSessions
  /** Those that are carried now. */
  readonly streams: Set<H2Stream>
}

function beginStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: RawFields, shared: Shared): void {
  const { context, sessions, streams } = shared
  // `close` follows with the code.
  stream.on('error', () => {})
  if (stream.destroyed || stream.closed) return
  const request = readRequest(raw, context.scheme)
  const looked = lookAt(context, request, judgeStream(context, request), () => fieldsOfStream(raw))
  const { judged } = looked
  const exchange = openExchange(request, looked, withSensitivity(raw, headers), context)
  const refusal = judged.decision.verdict === 'deny' ? judged.decision : context.refusal
  if (refusal === undefined) {
    const carried = new H2Stream(stream, exchange, context, sessions)
    streams.add(carried)
    stream.once('close', () => streams.delete(carried))
    return carried.start()
  }
  refuseStream(stream, exchange, refusal, context)
}

function refuseStream(
  stream: ServerHttp2Stream,
  exchange: H2Exchange,
  refusal: Denied | GatewayError,
  { literal }: HttpContext,
): void {
  const { flow, about, request } = exchange
  if (refusal instanceof GatewayError) flow.note(refusal.code === 'JOB_LIMIT' ? overLimit : { error: refusal.code })
  else flow.note({ ...verdictOf(refusal), ...(literal === undefined ? {} : { address: literal }) })
  flow.note({ status: answerRefusal(stream, about, refusal, request.isGrpc) })
  stream.once('close', () => exchange.close())
}

/** A head that names two hosts, or another scheme, is refused before anything else is asked of it (T3). */
function judgeStream(context: HttpContext, request: H2Request): Judged {
  const judged = judgeRequest(context, request)
  // A tunnel inside a tunnel is never opened, in no mode (T8).
  if (request.method === 'CONNECT') return { ...judged, decision: { verdict: 'deny', reason: 'method', rule: null } }
  if (!request.isAmbiguous || judged.decision.verdict === 'deny') return judged
  const { policy } = context.job
  if (policy.mode === 'audit' && request.otherAuthority !== undefined) {
    // Forbidden hosts stay forbidden, whichever of the two fields names them.
    const other = judgeRequest(context, { ...request, authority: request.otherAuthority })
    if (other.decision.verdict === 'deny') return other
  }
  // What block mode would say first is what audit observes.
  if (judged.decision.verdict === 'observe') return judged
  return { ...judged, decision: refuse(policy, 'malformed'), asked: judged.asked ?? request.otherAuthority }
}

function openExchange(
  request: H2Request,
  { judged, look }: LookedAt,
  fields: RawFields,
  context: HttpContext,
): H2Exchange {
  const { job, host, port, flow, process } = context
  const { decision, path, scheme, asked } = judged
  const { method, authority } = request
  const isElsewhere = decision.reason === 'host-mismatch' && authority !== undefined
  return new H2Exchange({
    request,
    judged,
    fields,
    look,
    about: {
      job: job.name,
      mode: job.policy.mode,
      scheme,
      host,
      port,
      method: judged.method ?? method,
      ...(path === undefined ? {} : { path }),
      ...(isElsewhere ? { authority } : {}),
      ...(request.isAmbiguous ? { fault: 'authority' } : {}),
    },
    flow: job.openFlow({
      layer: 'http',
      flow,
      host,
      port,
      protocol: 'h2',
      method,
      path: path ?? withoutQuery(request.target),
      ...(asked === undefined ? {} : { asked }),
      inspected: context.inspected,
      ...verdictOf(decision),
      ...(process === undefined ? {} : { process }),
      ...look?.note,
    }),
  })
}

function verdictOf({ verdict, reason, rule }: Decision) {
  return { verdict, reason, ...(rule === null ? {} : { rule }) }
}

function withoutQuery(target: string): string {
  const queryAt = target.indexOf('?')
  return queryAt < 0 ? target : target.slice(0, queryAt)
}
