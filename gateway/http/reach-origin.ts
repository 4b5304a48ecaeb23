import type { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Reuse } from '../upstream/pool.ts'
import type { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import { OriginLeg } from './origin-leg.ts'
import { leadsNowhere, whyNot } from './recheck.ts'

/** Connects the conversation to its origin for `exchange`, then `go` or `refused`; neither once the client has gone. */
export function reachOrigin(
  it: Conversation,
  exchange: Exchange,
  reuse: Reuse,
  go: (leg: OriginLeg) => void,
  refused: (cause: Denied | GatewayError) => void,
): void {
  it.state = 'connecting'
  it.client.pause()
  void settle(it, exchange, reuse, go, refused)
}

function whyNotNow(it: Conversation, exchange: Exchange, { connection }: OriginLeg): Denied | undefined {
  const denied = whyNot(it, exchange) ?? leadsNowhere(it.context, connection)
  if (denied !== undefined) exchange.isCut = true
  return denied
}

async function settle(
  it: Conversation,
  exchange: Exchange,
  reuse: Reuse,
  go: (leg: OriginLeg) => void,
  refused: (cause: Denied | GatewayError) => void,
): Promise<void> {
  const { policy } = it.context.job
  const reached = await it.origin.reach(reuse)
  if (reached === undefined) return
  // Dialled under one policy, it is sent under another (bypass N19).
  const hasChanged = it.context.job.policy !== policy
  const denied = hasChanged && reached instanceof OriginLeg ? whyNotNow(it, exchange, reached) : undefined
  if (denied !== undefined) {
    it.origin.drop()
    refused(denied)
  } else if (reached instanceof OriginLeg) {
    exchange.noteConnection(reached.connection)
    go(reached)
  } else {
    refused(reached)
  }
  if (exchange.clientEnded && it.exchange === exchange) it.clientEnded()
  else if (it.isReading) it.client.resume()
}
