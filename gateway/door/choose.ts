import type { Address } from '../net/address.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, Host } from '../policy/decision.ts'
import { hasForbiddenParts } from '../policy/forbidden-parts.ts'
import { chooseCandidates } from '../upstream/candidates.ts'
import type { Denied } from '../upstream/outside.ts'
import { askedOf, type Connection } from './connection.ts'
import type { Door } from './door.ts'
import type { Opening } from './opening.ts'
import { nextStep, type Step } from './step.ts'

/** What the policy in force says of where a connection goes, and how it is carried therefore. */
export function chooseStep(connection: Connection, opening: Opening, decision: Decision, door: Door): Step {
  return nextStep({
    decision,
    host: connection.host,
    isLiteral: connection.literal !== undefined,
    opening,
    isAudit: door.job.policy.mode === 'audit',
    isPassedHost: door.isPassed(connection.host, connection.port),
    mustRead: mustBeRead(connection, opening),
    ...otherName(connection, opening),
  })
}

/** A connection that is carried unread, with what it was decided by. */
export interface Unread {
  readonly opening: Opening
  /** It should have been inspected and could not be: in audit such a connection passes. */
  readonly isFallback: boolean
  /** Where it leads, once it is dialled. */
  readonly address: Address | undefined
}

/**
 * Why the policy in force does not let an open connection be carried unread (bypass N19); undefined while it does. A
 * connection that would have to be read now cannot be: its beginning is gone.
 */
export function whyCut(connection: Connection, unread: Unread, door: Door): Denied | undefined {
  const { job, destination, host, port } = connection
  const { policy } = job
  const step = chooseStep(connection, unread.opening, decide(policy, destination), door)
  if (step.do === 'refuse') return step.denied
  const passes = step.do === 'splice' || (step.do === 'inspect' && unread.isFallback && mayPassUnread(connection))
  if (!passes) return { verdict: 'deny', reason: 'protocol', rule: null }
  if (unread.address === undefined) return undefined
  const leads = chooseCandidates({ host, port, policy }, [unread.address])
  return 'verdict' in leads ? leads : undefined
}

/** In audit nothing breaks, so what cannot be opened is passed; but not past a `forbid` rule that must be read for. */
export function mayPassUnread({ job, host, port }: Connection): boolean {
  return job.policy.mode === 'audit' && !hasForbiddenParts(job.policy, host, port)
}

/** In audit a connection may go on under another name than it was dialled by: `forbid` must hold for that name too. */
function otherName(connection: Connection, opening: Opening): { readonly otherName?: Decision } {
  const { job, port } = connection
  const { asked } = askedOf(connection, opening)
  if (asked === undefined) return {}
  return { otherName: decide(job.policy, { kind: 'endpoint', transport: 'tcp', host: asked, port }) }
}

/** Forbidden parts of the host that was dialled, or of the one that TLS asks for, are looked for in each request. */
function mustBeRead(connection: Connection, opening: Opening): boolean {
  const { job, host, port } = connection
  const { asked } = askedOf(connection, opening)
  const hosts: readonly Host[] = asked === undefined ? [host] : [host, asked]
  return hosts.some(one => hasForbiddenParts(job.policy, one, port))
}
