import { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Conversation } from './conversation.ts'
import { withoutCuts } from './cut.ts'
import { Exchange } from './exchange.ts'
import { readRequestHead, RequestHead } from './head.ts'
import { judgeRequest, refuse, refuseUnread } from './judge.ts'
import { lookAt } from './look.ts'
import { isOpaqueRefused } from './opaque.ts'
import type { OriginLeg } from './origin-leg.ts'
import { reachOrigin } from './reach-origin.ts'
import { faultCause, malformed, refuseAndClose, refuseRequest } from './refuse-request.ts'
import { requestFacts } from './request-facts.ts'
import { fieldsOfHead } from './seen-fields.ts'

/** Takes what the client sent. */
export function onClientBytes(it: Conversation, bytes: Buffer): void {
  switch (it.state) {
    case 'head':
      return readHead(it, bytes)
    case 'body':
      return readBody(it, bytes)
    case 'spliced':
      return isOpaqueRefused(it, bytes) ? undefined : send(it, bytes, true)
    case 'skip':
      return skipBody(it, bytes)
    case 'answer':
      if (it.exchange?.isUnbounded === true) return endUnbounded(it, it.exchange)
      return holdEarly(it, bytes)
    case 'connecting':
      return holdEarly(it, bytes)
    case 'closing':
  }
}

/** The next request, early. One read's worth is kept; the rest waits in the kernel. */
function holdEarly(it: Conversation, bytes: Buffer): void {
  it.held.keep(bytes)
  it.client.pause()
}

/** The client has seen the end of an answer that we have not. Its request is not for us any more: it asks again elsewhere. */
function endUnbounded(it: Conversation, exchange: Exchange): void {
  it.origin.drop()
  exchange.closeAfter = true
  it.finish(exchange)
}

/** Goes on with the bytes of the next request that came early. */
export function onHeldRequest(it: Conversation): void {
  readHead(it, it.held.take())
}

function readHead(it: Conversation, bytes: Buffer): void {
  let data = bytes
  if (it.held.length > 0) {
    if (!it.held.push(bytes) && it.held.length < it.requestBounds.maxHead) return
    data = it.held.take()
  }
  const head = readRequestHead(data, it.requestBounds)
  if (head.fault === undefined && head.end === 0) {
    it.held.push(data)
    return it.watch.expectHead()
  }
  it.watch.headRead()
  if (head.fault === undefined) begin(it, head, data)
  else notUnderstood(it, head, data, head.fault)
}

function begin(it: Conversation, head: RequestHead, data: Buffer): void {
  const facts = requestFacts(head, it.context)
  const looked = lookAt(it.context, facts, judgeRequest(it.context, facts), () => fieldsOfHead(data, head.end))
  const { judged } = looked
  const exchange = new Exchange(it.context, head, looked, it.origin.leg?.connection, facts.authority)
  it.exchange = exchange
  const refusal = judged.decision.verdict === 'deny' ? judged.decision : it.context.refusal
  if (refusal !== undefined) return refuseWhole(it, exchange, head, data, refusal)
  if (head.method === 'CONNECT') return carryBlindly(it, exchange, data)
  const leg = it.origin.leg
  if (leg !== undefined) return forward(it, exchange, leg, head, data)
  // A kept connection may be closing; what cannot be sent twice gets one that was in use just now, or a new one.
  const reuse = exchange.isIdempotent ? 'any' : 'recent'
  const kept = it.origin.reachKept(reuse)
  if (kept !== undefined) {
    exchange.noteConnection(kept.connection)
    return forward(it, exchange, kept, head, data)
  }
  reachOrigin(
    it,
    exchange,
    reuse,
    reached => forward(it, exchange, reached, head, data),
    cause => refuseWhole(it, exchange, head, data, cause),
  )
}

/** Answers a request of which nothing was sent, and goes on after its body where the connection is kept. */
function refuseWhole(
  it: Conversation,
  exchange: Exchange,
  head: RequestHead,
  data: Buffer,
  cause: Denied | GatewayError,
): void {
  const end = refuseRequest(it, exchange, head, data, cause)
  if (end !== undefined) skipBody(it, data.subarray(end))
}

/** Sends the head and what is there of the body. */
function forward(it: Conversation, exchange: Exchange, leg: OriginLeg, head: RequestHead, data: Buffer): void {
  const { frame } = it
  frame.begin(head.bodyKind, head.contentLength, exchange.look?.sending, exchange.look?.beside)
  const end = frame.take(data, head.end)
  if (frame.broken) return brokenBody(it, exchange, data)
  if (isTooLarge(it, exchange) || isObjectedTo(it, exchange)) return
  const bytes = withoutCuts(data, end, head.cuts)
  if (frame.done && exchange.isIdempotent && (leg.connection.reused || it.answered > 0)) exchange.replay = bytes
  if (head.boundAuthentication) leg.isBound = true
  it.state = frame.done ? 'answer' : 'body'
  leg.begin(exchange)
  if (frame.done) keepRest(it, data, end)
  send(it, bytes, false)
}

function readBody(it: Conversation, bytes: Buffer): void {
  const { exchange, frame } = it
  if (exchange === undefined) return
  const end = frame.take(bytes, 0)
  if (frame.broken) return brokenBody(it, exchange, bytes)
  if (isTooLarge(it, exchange) || isObjectedTo(it, exchange)) return
  send(it, end === bytes.length ? bytes : bytes.subarray(0, end), true)
  if (!frame.done) return
  it.state = 'answer'
  keepRest(it, bytes, end)
  // It was answered before it was sent whole.
  if (exchange.complete) it.finish(exchange)
}

/** True when the body was refused for its size; in audit it passes, and is observed. */
function isTooLarge(it: Conversation, exchange: Exchange): boolean {
  if (it.frame.payload <= exchange.maxRequestBytes) return false
  const decision = refuse(it.context.job.policy, 'too-large', exchange.rule)
  if (decision.verdict === 'deny') {
    refuseAndClose(it, exchange, decision)
    return true
  }
  exchange.noteObserved('too-large')
  exchange.maxRequestBytes = Infinity
  return false
}

/** True when the body was refused for what it holds. */
function isObjectedTo(it: Conversation, exchange: Exchange): boolean {
  const denied = exchange.look?.denied
  if (denied !== undefined) refuseAndClose(it, exchange, denied)
  return denied !== undefined
}

function skipBody(it: Conversation, bytes: Buffer): void {
  const end = it.frame.take(bytes, 0)
  if (!it.frame.done) return
  keepRest(it, bytes, end)
  it.awaitRequest()
}

/** The beginning of the next request came with the end of this one. */
function keepRest(it: Conversation, bytes: Buffer, end: number): void {
  if (end === bytes.length) return
  it.held.keep(bytes.subarray(end))
  it.client.pause()
}

function send(it: Conversation, bytes: Buffer, isBulk: boolean): void {
  if (it.exchange !== undefined) it.exchange.flow.sent += bytes.length
  if (it.origin.leg?.write(bytes, isBulk) === false) it.client.pause()
}

/** The rest of a head does not come (bypass P9). */
export function onHeadTimeout(it: Conversation): void {
  const { job, scheme, limits } = it.context
  const judged = { decision: refuse(job.policy, 'malformed'), scheme, path: undefined }
  it.exchange = new Exchange(it.context, new RequestHead(), { judged, look: undefined }, it.origin.leg?.connection)
  refuseAndClose(
    it,
    it.exchange,
    new GatewayError('CLIENT_TIMEOUT', `the request head was not complete after ${limits.headMs} ms`),
  )
}

/** In block mode 400 or 431, and the connection ends. In audit nothing breaks: what we cannot read passes unread. */
function notUnderstood(
  it: Conversation,
  head: RequestHead,
  data: Buffer,
  fault: NonNullable<RequestHead['fault']>,
): void {
  const { scheme, refusal } = it.context
  const decision = refuseUnread(it.context, 'malformed')
  const judged = { decision, scheme, path: undefined }
  const exchange = new Exchange(it.context, head, { judged, look: undefined }, it.origin.leg?.connection)
  it.exchange = exchange
  if (decision.verdict === 'deny') refuseAndClose(it, exchange, faultCause(fault), fault)
  else if (refusal !== undefined) refuseAndClose(it, exchange, refusal)
  else carryBlindly(it, exchange, data)
}

/** The end of this request can no longer be found, so what follows cannot be judged. */
function brokenBody(it: Conversation, exchange: Exchange, bytes: Buffer): void {
  if (refuseUnread(it.context, 'malformed').verdict === 'deny')
    return refuseAndClose(it, exchange, malformed, 'chunked body')
  exchange.noteObserved('malformed')
  carryBlindly(it, exchange, bytes)
}

/** From here on both directions are opaque. */
function carryBlindly(it: Conversation, exchange: Exchange, bytes: Buffer): void {
  const go = (leg: OriginLeg): void => {
    it.state = 'spliced'
    leg.splice(exchange)
    send(it, bytes, false)
  }
  const leg = it.origin.leg
  if (leg !== undefined) return go(leg)
  reachOrigin(it, exchange, 'recent', go, cause => refuseAndClose(it, exchange, cause))
}
