import type { Socket } from 'node:net'
import { GatewayError, unreachable } from '../errors.ts'
import type { HttpContext } from '../http/context.ts'
import { relayHttp1 } from '../http/relay.ts'
import type { Port } from '../net/port.ts'
import type { Host } from '../policy/decision.ts'
import type { Denied } from '../upstream/outside.ts'
import type { UpstreamPool } from '../upstream/pool.ts'
import { alertFor, renderAlert } from './alert.ts'
import type { ClientHello } from './client-hello.ts'
import { askedOf, literalOf, openRecord, type Connection } from './connection.ts'
import type { Door } from './door.ts'
import { preferredAlpn, terminateAndRelay } from './inspect.ts'
import { ObservedJob } from './observed-job.ts'
import type { Opening } from './opening.ts'

/** Milliseconds that a client has to take our alert and close. */
const lingerMs = 1000

/**
 * Refuses a connection in the clearest way its protocol has: a sentence over HTTP, also inside TLS where a certificate
 * can be made for the name; else a TLS alert; else a reset.
 */
export async function refuse(connection: Connection, opening: Opening, denied: Denied, door: Door): Promise<void> {
  const { socket } = connection
  switch (opening.kind) {
    case 'tls': {
      const { hello } = opening
      const host = nameToAnswerAs(connection, hello)
      const alpn = preferredAlpn(hello)
      const speaksHttp = alpn !== undefined || hello.alpn.length === 0
      if (host === undefined || !speaksHttp || !door.mint.mayRefuseAs(host)) break
      const pool = noOrigin(host, connection.port, 'https')
      const asked: Connection = { ...connection, host }
      const answer = { hello, decision: denied, host, alpn, pool, refusal: denied }
      return terminateAndRelay(asked, answer, door)
    }
    case 'http1':
      return refuseInHttp(connection, denied, door)
    case 'broken-tls':
      break
    case 'h2c':
    case 'other':
    case 'silent': {
      socket.resetAndDestroy()
      using _flow = await openRecord(connection, 'tcp', denied)
      return
    }
  }
  sendAlert(socket, alertFor(denied.reason))
  using _flow = await openRecord(connection, 'tls', denied, askedOf(connection, opening))
}

/** The name in the hello, so that the client accepts our answer as an answer of the server it asked for. */
function nameToAnswerAs(connection: Connection, hello: ClientHello): Host | undefined {
  switch (hello.serverName.kind) {
    case 'name':
      return hello.serverName.host
    case 'none':
      return connection.literal
    case 'invalid':
      return undefined
    default:
      return unreachable(hello.serverName)
  }
}

async function refuseInHttp(connection: Connection, denied: Denied, door: Door): Promise<void> {
  const job = new ObservedJob(connection.job)
  const context: HttpContext = {
    job,
    host: connection.host,
    port: connection.port,
    scheme: 'http',
    flow: connection.flow,
    process: await connection.process,
    inspected: false,
    upstream: noOrigin(connection.host, connection.port, 'http'),
    refusal: denied,
    limits: door.httpLimits,
    ...literalOf(connection),
  }
  await relayHttp1(connection.socket, context)
  if (job.flows > 0) return
  using _flow = await openRecord(connection, 'tcp', denied)
}

/** Sends a fatal alert and closes, reading on so that unread bytes do not turn the close into a reset before it. */
function sendAlert(socket: Socket, description: number): void {
  socket.end(renderAlert(description))
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** The pool of a refused connection: there is no origin to be contacted, and no memory to be spent on one. */
function noOrigin(host: Host, port: Port, scheme: 'https' | 'http'): UpstreamPool {
  const refused = (): Promise<never> =>
    Promise.reject(new GatewayError('UPSTREAM_UNREACHABLE', `a refused connection has no origin: ${host}`))
  return { host, port, scheme, known: nothing, contact: refused, take: nothing, acquire: refused, release: nothing }
}

function nothing(): undefined {
  return undefined
}
