import type { GatewayError } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Reuse } from '../upstream/pool.ts'
import type { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import { OriginLeg } from './origin-leg.ts'

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

async function settle(
  it: Conversation,
  exchange: Exchange,
  reuse: Reuse,
  go: (leg: OriginLeg) => void,
  refused: (cause: Denied | GatewayError) => void,
): Promise<void> {
  const reached = await it.origin.reach(reuse)
  if (reached === undefined) return
  if (reached instanceof OriginLeg) {
    exchange.noteConnection(reached.connection)
    go(reached)
  } else {
    refused(reached)
  }
  if (exchange.clientEnded && it.exchange === exchange) it.clientEnded()
  else if (it.isReading) it.client.resume()
}
