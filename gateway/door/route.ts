import type { Socket } from 'node:net'
import { unreachable } from '../errors.ts'
import type { HttpContext } from '../http/context.ts'
import { relayHttp1 } from '../http/relay.ts'
import type { JobSocket } from '../jobs/job.ts'
import type { Port } from '../net/port.ts'
import { objected } from '../insight/objected.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, Host } from '../policy/decision.ts'
import type { ProcessInfo } from '../record/event.ts'
import { carry } from './carry.ts'
import { chooseStep } from './choose.ts'
import { goneSignal, literalOf, openRecord, type Connection } from './connection.ts'
import type { Door } from './door.ts'
import { inspect } from './inspect.ts'
import { ObservedJob } from './observed-job.ts'
import { peek, type PeekLimits, type Peeked } from './peek.ts'
import { refuse } from './refuse.ts'
import type { Step } from './step.ts'

const dnsPort = 53
const plainPort = 80

/**
 * Carries one TCP connection of the job, from accept to close: whose is it → where did it mean to go → what does the
 * policy say → how does it begin → inspect, splice, relay or refuse. Owns `socket`, which must be unread and allow half
 * open. Settles when the connection is over.
 */
export async function handleConnection(socket: Socket, door: Door): Promise<void> {
  // Without a listener an error would end the process. `close` always follows it, and that is where we look.
  socket.on('error', () => {})
  const ends = door.endpointsOf(socket)
  if (ends === undefined) return void socket.destroy()
  if (ends.source.address !== door.job.address) return turnAway(socket, ends, door)
  const { address, port } = ends.destination
  const name = door.job.names.lookup(address)
  const host = name?.host ?? address
  if (!door.mayConnect()) return refuseOver(socket, host, port, door)
  if (port === dnsPort) return door.serveDnsTcp(socket)
  if (!door.admit(socket)) return refuseOver(socket, host, port, door)

  const signalOf = goneSignal(socket)
  using _held = name === undefined ? undefined : door.job.names.hold(address)
  const connection: Connection = {
    socket,
    job: door.job,
    destination:
      name === undefined
        ? { kind: 'address', transport: 'tcp', address, port }
        : { kind: 'endpoint', transport: 'tcp', host: name.host, port },
    host,
    port,
    literal: name === undefined ? address : undefined,
    flow: name?.flow ?? door.job.newFlowId(),
    process: attribute(ends, door),
    get signal() {
      return signalOf()
    },
  }

  const { policy } = door.job
  const before = decideEndpoint(connection)
  prepareCertificate(connection, before, door)
  const peeked = await look(connection, before, door)
  // Clients may take their time, and the policy may have changed meanwhile.
  const decision = door.job.policy === policy ? before : decideEndpoint(connection)
  const step = chooseStep(connection, peeked.opening, decision, door)
  await obey(step, { connection, decision, peeked }, door)
}

/** Made while the client makes its hello, for a millisecond or two that it would else wait for afterwards. */
function prepareCertificate({ host, literal, port }: Connection, decision: Decision, { mint, onFault }: Door): void {
  if (decision.verdict === 'deny' || literal !== undefined) return
  if (!decision.carriage.inspectTls || decision.carriage.passTls) return
  // Behind port 80 there is hardly ever TLS. What does come there meets a certificate that is made when it is asked for.
  if (port === plainPort || mint.isReadyFor(host)) return
  setImmediate(() => {
    try {
      mint.contextFor(host)
    } catch (cause) {
      onFault(cause)
    }
  })
}

/** Not knowing the process is no reason to lose its connection. */
async function attribute(ends: JobSocket, door: Door): Promise<ProcessInfo | undefined> {
  try {
    return await door.job.attribute(ends)
  } catch (cause) {
    door.onFault(cause)
    return undefined
  }
}

interface Routed {
  readonly connection: Connection
  readonly decision: Decision
  readonly peeked: Peeked
}

async function obey(step: Step, { connection, decision, peeked }: Routed, door: Door): Promise<void> {
  switch (step.do) {
    case 'inspect':
      return inspect(connection, step.hello, decision, door)
    case 'splice':
      return carryUnread({ connection, decision, peeked }, step, door)
    case 'relay':
      return relayPlain(connection, decision, door)
    case 'refuse':
      return refuse(connection, peeked.opening, step.denied, door)
    case 'close': {
      const error = connection.socket.closed || connection.socket.readableEnded ? 'CLIENT_ABORTED' : 'CLIENT_TIMEOUT'
      connection.socket.destroy()
      using _flow = await openRecord(connection, 'tcp', decision, { error })
      return
    }
    default:
      return unreachable(step)
  }
}

/** Those who look at the job are asked; in audit what they object to is carried, and observed. */
async function carryUnread(
  { connection, decision, peeked }: Routed,
  step: Extract<Step, { do: 'splice' }>,
  door: Door,
): Promise<void> {
  const { job, host, port, flow } = connection
  if (job.insight?.connection === undefined) return carry(connection, { ...step, decision, ...peeked }, door)
  const process = await connection.process
  const now = objected(job, decision, { transport: step.protocol, host, port, flow, process })
  if (now.verdict === 'deny') return refuse(connection, peeked.opening, now, door)
  return carry(connection, { ...step, decision: now, ...peeked }, door)
}

/** A log that cannot be written lets nothing new through; else the policy decides on the name, or on the address. */
function decideEndpoint({ job, destination }: Connection): Decision {
  return job.recordFailed ? { verdict: 'deny', reason: 'log-failure', rule: null } : decide(job.policy, destination)
}

/** Looks at the first bytes for as long as they can change anything. */
async function look({ socket, port }: Connection, decision: Decision, door: Door): Promise<Peeked> {
  const limits = peekLimits(decision, port, door)
  return limits === undefined ? { opening: { kind: 'silent' }, unread: Buffer.alloc(0) } : peek(socket, limits)
}

function peekLimits(decision: Decision, port: Port, { limits }: Door): PeekLimits | undefined {
  const { openingMs } = limits
  if (decision.verdict === 'deny') return { firstByteMs: limits.refusalMs, openingMs: limits.refusalMs }
  const { raw, inspectTls, passTls, http } = decision.carriage
  if (!raw) return { firstByteMs: limits.firstByteMs, openingMs }
  if (!inspectTls && !passTls && !http) return undefined
  return { firstByteMs: port === 443 || port === 80 ? limits.webFirstMs : limits.serverFirstMs, openingMs }
}

async function relayPlain(connection: Connection, decision: Decision, door: Door): Promise<void> {
  const { host, port, flow } = connection
  const job = new ObservedJob(connection.job)
  const process = await connection.process
  const upstream = door.origins.pool(host, port, 'http')
  const context: HttpContext = {
    job,
    host,
    port,
    scheme: 'http',
    flow,
    process,
    inspected: false,
    upstream,
    limits: door.httpLimits,
    ...literalOf(connection),
  }
  await relayHttp1(connection.socket, context)
  if (job.flows > 0) return
  using _flow = await openRecord(connection, 'tcp', decision, { error: 'CLIENT_ABORTED' })
}

/** More than the job may have: nothing of it is looked at, and nobody is looked for behind it. */
function refuseOver(socket: Socket, host: Host, port: Port, door: Door): void {
  socket.resetAndDestroy()
  door.refused.count(host, port)
}

/** Somebody who is not the job, on the job's wire. */
function turnAway(socket: Socket, ends: JobSocket, door: Door): void {
  socket.resetAndDestroy()
  const { address, port } = ends.destination
  using _flow = door.job.openFlow({
    layer: 'tcp',
    flow: door.job.newFlowId(),
    address,
    port,
    protocol: 'tcp',
    verdict: 'deny',
    reason: 'job-unknown',
  })
}
