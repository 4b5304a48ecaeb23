import { type ErrorCode, GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import { refuseUnread } from './judge.ts'
import type { LegOwner } from './leg-owner.ts'
import { isOpaqueRefused } from './opaque.ts'
import type { OriginLeg } from './origin-leg.ts'
import { reachOrigin } from './reach-origin.ts'
import { refuseAndClose } from './refuse-request.ts'

/** What the origin says, brought into the conversation. `of` is asked for it, as each needs the other to be made. */
export function answersInto(of: () => Conversation): LegOwner {
  return {
    deliver: (bytes, isBulk) => (isBulk ? of().client.bulk(bytes) : of().client.write(bytes)),
    answerDone: keep => answerDone(of(), keep),
    originLost: code => originLost(of(), code),
    carryBlindly: () => carryBlindly(of()),
    refuseDns: () => refuseDns(of()),
    refuseAnswer: denied => refuseAnswer(of(), denied),
    upgraded: () => upgraded(of()),
    originDrained: () => resumeClient(of()),
    originEnded: () => of().client.end(),
    originIdleClosed: () => originIdleClosed(of()),
  }
}

function answerDone(it: Conversation, keep: boolean): void {
  const { exchange } = it
  if (exchange === undefined) return
  exchange.complete = true
  if (!keep) {
    exchange.closeAfter = true
    it.origin.drop()
  }
  // Answered before it was sent whole: the rest of it still belongs to the origin, if it listens.
  if (it.state === 'answer' || !keep) it.finish(exchange)
}

function originLost(it: Conversation, code: ErrorCode): void {
  const { exchange } = it
  it.origin.drop()
  if (exchange === undefined) return
  if (exchange.replay !== undefined && code === 'UPSTREAM_TRUNCATED') return sendAgain(it, exchange, exchange.replay)
  // On a kept connection the client knows what this means, and may send again what we may not.
  if (exchange.answered || it.state === 'spliced' || it.answered > 0) {
    exchange.noteError(exchange.clientEnded ? 'CLIENT_ABORTED' : code)
    it.state = 'closing'
    return it.client.truncate(exchange.endsByClose)
  }
  const what =
    code === 'UPSTREAM_PROTOCOL' ? 'sent what is not an HTTP/1.1 answer' : 'closed the connection before it answered'
  refuseAndClose(it, exchange, new GatewayError(code, `${it.context.host} ${what}`))
}

/**
 * A kept connection was closed before anything of an answer came: an idempotent request that was sent whole goes out
 * once more, on a new connection (RFC 9110 §9.2.2). Anything else is never sent twice.
 */
function sendAgain(it: Conversation, exchange: Exchange, bytes: Buffer): void {
  exchange.replay = undefined
  const go = (leg: OriginLeg): void => {
    it.state = 'answer'
    leg.begin(exchange)
    leg.write(bytes, false)
  }
  reachOrigin(it, exchange, 'none', go, cause => refuseAndClose(it, exchange, cause))
}

/** In audit nothing breaks: an answer we cannot read passes unread, and with it the rest of the connection. */
function carryBlindly(it: Conversation): boolean {
  if (it.exchange === undefined || refuseUnread(it.context, 'malformed').verdict === 'deny') return false
  it.exchange.noteObserved('malformed')
  spliceClient(it)
  return true
}

/** A resolver that answers without being asked in a way we know (D2). */
function refuseDns(it: Conversation): boolean {
  const { exchange } = it
  if (exchange === undefined || exchange.mayCarryDns) return false
  if (it.context.job.policy.mode === 'block') {
    refuseAndClose(it, exchange, { verdict: 'deny', reason: 'protocol', rule: exchange.rule })
    return true
  }
  exchange.noteObserved('protocol')
  return false
}

/** The connection ends with it: half an answer must not look like a whole one. */
function refuseAnswer(it: Conversation, denied: Denied): void {
  if (it.exchange !== undefined) refuseAndClose(it, it.exchange, denied)
}

function upgraded(it: Conversation): void {
  if (it.exchange !== undefined) it.exchange.isUpgraded = true
  if (it.exchange?.isWebSocket === true) it.exchange.flow.note({ protocol: 'websocket' })
  spliceClient(it)
}

function spliceClient(it: Conversation): void {
  it.state = 'spliced'
  const { exchange, held } = it
  if (held.length === 0 || exchange === undefined) return
  const early = held.take()
  if (isOpaqueRefused(it, early)) return
  exchange.flow.sent += early.length
  it.origin.leg?.write(early, false)
  resumeClient(it)
}

function resumeClient(it: Conversation): void {
  if (it.isReading) it.client.resume()
}

function originIdleClosed(it: Conversation): void {
  it.origin.drop()
  // As the origin would have closed the client's own connection.
  if (it.state === 'head' && it.held.length === 0) it.close()
}
