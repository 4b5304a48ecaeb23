import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { HttpContext } from '../http/context.ts'
import { relayHttp2 } from '../http/h2-relay.ts'
import { relayHttp1 } from '../http/relay.ts'
import { objected } from '../insight/objected.ts'
import type { Decision, Host } from '../policy/decision.ts'
import type { FlowEvent } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Alpn, Contact, UpstreamPool } from '../upstream/pool.ts'
import { isDistrust } from './alert.ts'
import { carry } from './carry.ts'
import { mayPassUnread } from './choose.ts'
import type { ClientHello } from './client-hello.ts'
import { literalOf, openRecord, type Connection } from './connection.ts'
import { distrust } from './distrust.ts'
import type { Door } from './door.ts'
import { ObservedJob } from './observed-job.ts'

/** What the client is told, instead of being carried, once TLS stands. */
export type Refusal = Denied | GatewayError

/**
 * Terminates TLS as the host the client means and hands each request on. The origin is contacted first, so that the
 * client gets the protocol that the origin speaks, or a sentence that says why there is none; at the same time where the
 * client leaves no choice of protocol and its connection is in no case passed unread.
 */
export async function inspect(
  connection: Connection,
  hello: ClientHello,
  decision: Decision,
  door: Door,
): Promise<void> {
  const { host, port } = connection
  const pool = door.origins.pool(host, port, 'https')
  const offered = offeredAlpn(hello)
  const known = pool.known(offered)
  if (known === undefined && !offered.includes('h2') && !mayPassUnread(connection))
    return inspectAhead(connection, { hello, decision, alpn: offered[0], pool, host }, door)
  const contact = known ?? (await contactOrigin(pool, offered, connection.signal))
  if (connection.socket.destroyed) return recordAlone(connection, decision, 'CLIENT_ABORTED')
  if (contact instanceof GatewayError && mayPassUnread(connection) && clientMayKnowBetter(contact)) {
    const opening = { kind: 'tls', hello } as const
    const { job, flow } = connection
    const process = await connection.process
    const looked = objected(job, decision, { transport: 'tls', host, port, flow, process })
    if (looked.verdict !== 'deny') {
      const how = { protocol: 'tls', decision: looked, error: contact.code, opening, unread: Buffer.alloc(0) } as const
      return carry(connection, how, door)
    }
  }
  const refusal = 'alpn' in contact ? undefined : contact
  const alpn = 'alpn' in contact ? mirrored(hello, contact.alpn) : preferredAlpn(hello)
  await terminateAndRelay(connection, { hello, decision, alpn, pool, refusal, host }, door)
}

/**
 * The client leaves no choice of protocol, so its handshake need not wait for the origin: two milliseconds at a new name, most of
 * them the client's. Why there is no origin, if there is none, the first request is told.
 */
async function inspectAhead(connection: Connection, answer: Omit<Answer, 'refusal'>, door: Door): Promise<void> {
  const contacting = contactOrigin(answer.pool, offeredAlpn(answer.hello), connection.signal)
  const refusal = contacting.then(contact => ('alpn' in contact ? undefined : contact))
  // In this turn of the event loop the dial goes out, before the handshake keeps us busy.
  await Promise.race([refusal, nextTurn()])
  // Both, so that a fault of ours in either is heard of.
  await Promise.all([terminateAndRelay(connection, { ...answer, refusal }, door), refusal])
}

/** How one TLS connection is answered. */
export interface Answer {
  readonly hello: ClientHello
  readonly decision: Decision
  /** The name or address that we answer as. */
  readonly host: Host
  readonly alpn: Alpn | undefined
  readonly pool: UpstreamPool
  /** Why its requests are refused, if they are; a promise while the origin is being contacted. */
  readonly refusal: Refusal | undefined | Promise<Refusal | undefined>
}

/** Handshakes with the client, then relays; a connection on which no request came leaves one `tls` line. */
export async function terminateAndRelay(connection: Connection, answer: Answer, door: Door): Promise<void> {
  const { socket, flow, port } = connection
  const job = new ObservedJob(connection.job)
  let fault: GatewayError['code'] = 'CLIENT_ABORTED'
  let isComplete = false
  let hasSpoken = false
  let since = performance.now()
  try {
    const byName = answer.hello.serverName.kind === 'name'
    const client = await door.terminator.terminate(socket, { host: answer.host, byName, alpn: answer.alpn })
    door.onHandshake('completed')
    isComplete = true
    since = performance.now()
    const heard = socket.bytesRead
    // In TLS 1.3 a client may judge our certificate after its own last message: the alert then comes here.
    client.on('error', cause => {
      if (isDistrust(cause)) fault = 'CLIENT_REFUSED_CA'
    })
    const process = await connection.process
    const refusal = await answer.refusal
    const context: HttpContext = {
      job,
      host: answer.host,
      port,
      scheme: 'https',
      flow,
      process,
      inspected: true,
      upstream: answer.pool,
      limits: door.httpLimits,
      crowd: door.connections,
      ...literalOf(connection),
      track: work => door.track(work),
      ...(refusal === undefined ? {} : { refusal }),
    }
    await relay(client, context)
    hasSpoken = client.bytesRead > 0 || socket.bytesRead > heard
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause
    fault = cause.code
    door.onHandshake(fault)
  }
  if (job.flows > 0) return
  // In audit the build must go on: what it tries again passes.
  const isPassed =
    answer.refusal === undefined &&
    mayPassUnread(connection) &&
    door.learn(answer.host, port, distrust({ fault, isComplete, hasSpoken, afterMs: performance.now() - since }))
  await recordAlone(connection, answer.decision, fault, isPassed ? { event: 'inspection-bypassed' } : {})
}

function relay(client: TLSSocket, context: HttpContext): Promise<void> {
  return client.alpnProtocol === 'h2' ? relayHttp2(client, context) : relayHttp1(client, context)
}

async function contactOrigin(
  pool: UpstreamPool,
  offered: readonly Alpn[],
  signal: AbortSignal,
): Promise<Contact | Refusal> {
  try {
    return await pool.contact(offered, signal)
  } catch (cause) {
    if (cause instanceof GatewayError) return cause
    if (signal.aborted) return new GatewayError('CLIENT_ABORTED', 'the client is gone', { cause })
    throw cause
  }
}

async function recordAlone(
  connection: Connection,
  decision: Decision,
  error: GatewayError['code'],
  facts: Partial<FlowEvent> = {},
): Promise<void> {
  using _flow = await openRecord(connection, 'tls', decision, { error, ...facts })
}

/** The client's offer, ours only, in its order, each once: what it is remembered by must not be the client's to make up. */
function offeredAlpn(hello: ClientHello): readonly Alpn[] {
  return [...new Set(hello.alpn)].filter(name => name === 'h2' || name === 'http/1.1')
}

/** What the origin picked, unless the client never offered it: an origin without ALPN gives a client without it. */
function mirrored(hello: ClientHello, alpn: Alpn): Alpn | undefined {
  return hello.alpn.includes(alpn) ? alpn : undefined
}

/** For a refusal: the protocol that costs least, of those the client speaks. */
export function preferredAlpn(hello: ClientHello): Alpn | undefined {
  return hello.alpn.includes('http/1.1') ? 'http/1.1' : mirrored(hello, 'h2')
}

/** The origin failed in a way that the client itself might not mind: it has roots, pins or certificates of its own. */
function clientMayKnowBetter(fault: GatewayError): boolean {
  return fault.code === 'UPSTREAM_CERTIFICATE' || fault.code === 'UPSTREAM_TLS'
}
