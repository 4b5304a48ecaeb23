import { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import { renderAnswer } from './answer.ts'
import type { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import type { HeadFault } from './fields.ts'
import type { RequestHead } from './head.ts'
import { renderRefusal } from './refusal.ts'

/** A refused body up to this many bytes is read, to keep the connection. */
const maxSkip = 65_536

export const malformed: Denied = { verdict: 'deny', reason: 'malformed', rule: null }

/** A head that is too much is over a limit; any other fault makes it ambiguous. */
export function faultCause(fault: HeadFault): Denied | GatewayError {
  return fault === 'line-too-long' || fault === 'head-too-long' || fault === 'too-many-fields'
    ? new GatewayError('LIMIT_REACHED', `the request head is over a limit (${fault})`)
    : malformed
}

/**
 * Answers a request of which nothing was sent. The connection is kept when the end of the request is in reach: then the
 * offset in `data` from which its body must still be skipped; else undefined, and the connection ends.
 */
export function refuseRequest(
  it: Conversation,
  exchange: Exchange,
  head: RequestHead,
  data: Buffer,
  cause: Denied | GatewayError,
): number | undefined {
  const { frame } = it
  frame.begin(head.bodyKind, head.contentLength)
  const end = frame.take(data, head.end)
  const isInReach = frame.done || (head.contentLength <= maxSkip && !head.chunked && !head.expectContinue)
  if (exchange.closeAfter || frame.broken || !isInReach) {
    refuseAndClose(it, exchange, cause)
    return undefined
  }
  it.state = 'skip'
  answer(it, exchange, cause, false)
  it.exchange = undefined
  it.answered += 1
  return end
}

/** Answers a request and ends the connection. Half an answer cannot be taken back: then it is cut short. */
export function refuseAndClose(
  it: Conversation,
  exchange: Exchange,
  cause: Denied | GatewayError,
  fault?: string,
): void {
  it.origin.drop()
  if (exchange.answered) {
    exchange.noteRefused(cause)
    it.state = 'closing'
    return it.client.truncate(exchange.endsByClose)
  }
  answer(it, exchange, cause, true, fault)
  it.exchange = undefined
  it.close()
}

function answer(
  it: Conversation,
  exchange: Exchange,
  cause: Denied | GatewayError,
  close: boolean,
  fault?: string,
): void {
  const about = fault === undefined ? exchange.about : { ...exchange.about, fault }
  const refusal = renderRefusal(about, cause)
  exchange.noteRefused(cause, refusal.status)
  exchange.close()
  it.client.write(renderAnswer(refusal, { close, withBody: !exchange.isHead }))
}
