import { GatewayError, type ErrorCode } from '../errors.ts'
import { overLimit, policyChanged } from '../jobs/flow-cuts.ts'
import { watchStream } from '../insight/watched-stream.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, DenyReason } from '../policy/decision.ts'
import type { OpenFlow } from '../record/event.ts'
import type { Denied, Dialled } from '../upstream/outside.ts'
import { whyCut } from './choose.ts'
import { askedOf, openRecord, verdictFacts, type Connection } from './connection.ts'
import type { Door } from './door.ts'
import type { Opening } from './opening.ts'
import { splice } from './splice.ts'

/** How a connection is carried unread. */
export interface Carried {
  /** `tls` when the name in its hello was read, `tcp` when nothing was. */
  readonly protocol: 'tls' | 'tcp'
  readonly decision: Decision
  /** Audit mode: what block mode would refuse it for, where that is not what the decision says. */
  readonly observed?: DenyReason
  /** Why it is not inspected, when it should have been. */
  readonly error?: ErrorCode
  /** How it began: what it was decided by, beside where it goes. */
  readonly opening: Opening
  /** What the client said before it closed its side. */
  readonly unread: Buffer
}

/**
 * Dials the very host that the connection is for and copies bytes, as they are, until both sides are done, or the policy
 * changes to one that does not let them (bypass N19).
 */
export async function carry(connection: Connection, how: Carried, door: Door): Promise<void> {
  const { asked } = askedOf(connection, how.opening)
  const decision = admittedBy(connection, how, asked === undefined)
  using flow = await openRecord(connection, how.protocol, decision, asked === undefined ? {} : { asked })
  if (how.observed !== undefined) flow.note({ verdict: 'observe', reason: how.observed })
  if (how.error !== undefined) flow.note({ error: how.error })
  const { job, host, port, signal } = connection
  const watched = new Watched(connection, how, door)
  const seen = { transport: 'tcp', host, port, flow: connection.flow, process: await connection.process } as const
  // In TLS there is nothing that anybody could read.
  const stream = how.protocol === 'tls' ? undefined : watchStream(job, seen, facts => flow.note(facts))
  const mayPass = stream && ((part: Buffer): boolean => stream.take(part) || watched.end())
  using _looking = job.onPolicyChange(() => watched.look())
  try {
    // The policy may have changed since the decision; and again before the origin is there.
    const { policy } = job
    if (watched.look() || (how.unread.length > 0 && mayPass?.(how.unread) === false)) return
    const dialled = await door.dial({ host, port, policy }, signal)
    if ('verdict' in dialled) {
      // The rule of what was observed before is not what refused it.
      flow.note({ ...(stream?.isObserved === true ? { rule: 'no rule' } : {}), ...verdictFacts(dialled) })
      connection.socket.resetAndDestroy()
      return
    }
    flow.note({ address: dialled.address })
    watched.dialled = dialled
    if (job.policy !== policy && watched.look()) return
    const isNamed = stream?.isObserved === true
    if (dialled.observed !== undefined && !isNamed) flow.note({ verdict: 'observe', reason: dialled.observed })
    const { unread } = how
    const { ending, limits } = door
    const ends = { client: connection.socket, origin: dialled.socket, unread, idleMs: limits.idleMs, ending, mayPass }
    const fault = await splice(ends, flow)
    if (fault !== undefined) flow.note({ error: fault })
  } catch (cause) {
    noteFault(flow, cause, connection.signal)
    connection.socket.resetAndDestroy()
  } finally {
    const said = stream?.end()
    if (said !== undefined) flow.note(said)
    else if (watched.denied !== undefined) flow.note(policyChanged(watched.denied))
  }
}

/** The decision that names the rule by which it is carried: several may admit the place, and not all of them these bytes. */
function admittedBy({ job, destination }: Connection, { decision, protocol }: Carried, isOwnName: boolean): Decision {
  if (decision.verdict !== 'allow') return decision
  const carried = protocol === 'tls' && isOwnName && decision.carriage.passTls ? 'tls' : 'raw'
  return decide(job.policy, { ...destination, carried })
}

/** A connection that is cut when the policy does not let it be carried any more. */
class Watched {
  dialled: Dialled | undefined
  /** Why it was cut. */
  denied: Denied | undefined
  readonly #connection: Connection
  readonly #how: Carried
  readonly #door: Door

  constructor(connection: Connection, how: Carried, door: Door) {
    this.#connection = connection
    this.#how = how
    this.#door = door
  }

  /** True when it is cut, now or before. */
  look(): boolean {
    const { socket } = this.#connection
    const isOver = socket.destroyed && (this.dialled === undefined || this.dialled.socket.destroyed)
    if (this.denied !== undefined || isOver) return this.denied !== undefined
    const { opening, error } = this.#how
    const unread = { opening, isFallback: error !== undefined, address: this.dialled?.address }
    this.denied = whyCut(this.#connection, unread, this.#door)
    return this.denied !== undefined && !this.end()
  }

  /** Ends both sides, so that neither takes what it has for all there is; false, since nothing more may pass. */
  end(): false {
    this.#connection.socket.resetAndDestroy()
    this.dialled?.socket.resetAndDestroy()
    return false
  }
}

/** Records what broke. What is not ours to expect is thrown on. */
function noteFault(flow: OpenFlow, cause: unknown, client: AbortSignal): void {
  if (client.aborted) flow.note({ error: 'CLIENT_ABORTED' })
  else if (cause instanceof GatewayError) flow.note(cause.code === 'JOB_LIMIT' ? overLimit : { error: cause.code })
  else throw cause
}
