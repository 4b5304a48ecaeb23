import { GatewayError, type ErrorCode } from '../errors.ts'
import type { Decision, DenyReason } from '../policy/decision.ts'
import type { OpenFlow } from '../record/event.ts'
import { openRecord, verdictFacts, type Connection } from './connection.ts'
import type { Door } from './door.ts'
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
  /** What the client said before it closed its side. */
  readonly unread: Buffer
}

/** Dials the very host that the connection is for and copies bytes, as they are, until both sides are done. */
export async function carry(connection: Connection, how: Carried, door: Door): Promise<void> {
  using flow = await openRecord(connection, how.protocol, how.decision)
  if (how.observed !== undefined) flow.note({ verdict: 'observe', reason: how.observed })
  if (how.error !== undefined) flow.note({ error: how.error })
  try {
    const { job, host, port, signal } = connection
    const dialled = await door.dial({ host, port, policy: job.policy }, signal)
    if ('verdict' in dialled) {
      flow.note(verdictFacts(dialled))
      connection.socket.resetAndDestroy()
      return
    }
    flow.note({ address: dialled.address })
    if (dialled.observed !== undefined) flow.note({ verdict: 'observe', reason: dialled.observed })
    const { unread } = how
    const { ending, limits } = door
    const ends = { client: connection.socket, origin: dialled.socket, unread, idleMs: limits.idleMs, ending }
    const fault = await splice(ends, flow)
    if (fault !== undefined) flow.note({ error: fault })
  } catch (cause) {
    noteFault(flow, cause, connection.signal)
    connection.socket.resetAndDestroy()
  }
}

/** Records what broke. What is not ours to expect is thrown on. */
function noteFault(flow: OpenFlow, cause: unknown, client: AbortSignal): void {
  if (client.aborted) flow.note({ error: 'CLIENT_ABORTED' })
  else if (cause instanceof GatewayError) flow.note({ error: cause.code })
  else throw cause
}
