import type { Conversation } from './conversation.ts'
import { cutSpliced } from './recheck.ts'

/** Shows what goes over an upgraded connection to those who look; true when it must not be sent, and the connection is cut. */
export function isOpaqueRefused(it: Conversation, bytes: Buffer): boolean {
  const { exchange } = it
  if (exchange?.look === undefined || !exchange.isUpgraded) return false
  exchange.look.sending(bytes)
  const { denied } = exchange.look
  if (denied !== undefined) cutSpliced(it, exchange, denied)
  return denied !== undefined
}
