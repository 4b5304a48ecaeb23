import { chooseCandidates } from '../upstream/candidates.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamConnection } from '../upstream/pool.ts'
import type { HttpContext } from './context.ts'
import type { Conversation } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import { refuse, refuseUnread } from './judge.ts'
import { refuseAndClose } from './refuse-request.ts'

/**
 * The policy has changed: decides again what is open on this connection, by the very facts it was decided by, and cuts what
 * is denied now (bypass N19). Between two requests there is nothing to cut: the next one is decided by itself.
 */
export function onPolicyChange(it: Conversation): void {
  const { exchange, state } = it
  const leg = it.origin.leg?.connection
  switch (state) {
    case 'head':
    case 'skip':
      // The origin connection stays with this client, so nobody else would ask whether it may still lead there.
      if (leg !== undefined && leadsNowhere(it.context, leg) !== undefined) it.origin.drop()
      return
    case 'connecting':
      // Nothing is sent yet. When the origin is there, it is decided again.
      return
    case 'body':
    case 'answer':
    case 'spliced':
      break
    case 'closing':
      return
    default:
      return state satisfies never
  }
  if (exchange === undefined) return
  const denied = whyNot(it, exchange) ?? (leg === undefined ? undefined : leadsNowhere(it.context, leg))
  if (denied === undefined) return
  exchange.isCut = true
  if (state !== 'spliced') return refuseAndClose(it, exchange, denied)
  cutSpliced(it, exchange, denied)
}

/** Ends a connection of which both directions are opaque. */
export function cutSpliced(it: Conversation, exchange: Exchange, denied: Denied): void {
  exchange.noteRefused(denied)
  it.origin.drop()
  it.state = 'closing'
  it.client.destroy()
}

/** Decides a request again, while it is open; undefined while it may go on. */
export function whyNot(it: Conversation, exchange: Exchange): Denied | undefined {
  const { policy } = it.context.job
  const decision = exchange.judgeAgain()
  if (decision.verdict === 'deny') return decision
  // What is carried blindly was let pass only because it could not be read.
  const unread = it.state === 'spliced' && !exchange.isUpgraded ? refuseUnread(it.context, 'malformed') : undefined
  if (unread?.verdict === 'deny') return unread
  // While it waits for its origin, the frame is still that of the request before.
  if (it.state === 'connecting' || it.frame.payload <= exchange.maxRequestBytes) return undefined
  const size = refuse(policy, 'too-large', exchange.rule)
  return size.verdict === 'deny' ? size : undefined
}

/** Why no request may go over this connection any more: the policy may have closed the range it leads to. */
export function leadsNowhere({ job, host, port }: HttpContext, { address }: UpstreamConnection): Denied | undefined {
  const leads = chooseCandidates({ host, port, policy: job.policy }, [address])
  return 'verdict' in leads ? leads : undefined
}
