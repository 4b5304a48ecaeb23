import type { Socket } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import type { Address } from '../net/address.ts'
import type { Hostname } from '../net/hostname.ts'
import type { Port } from '../net/port.ts'
import type { Decision, Destination, Host } from '../policy/decision.ts'
import type { FlowEvent, OpenFlow, ProcessInfo } from '../record/event.ts'
import type { Denied } from '../upstream/outside.ts'
import type { Opening } from './opening.ts'

/** One accepted connection, and what is known of it before its first byte. */
export interface Connection {
  readonly socket: Socket
  readonly job: Job
  /** What the policy is asked about. */
  readonly destination: Extract<Destination, { kind: 'endpoint' | 'address' }>
  /** The name that the dialled address stands for, else the address. */
  readonly host: Host
  readonly port: Port
  /** The literal address, when `host` is one. */
  readonly literal: Address | undefined
  /** The flow of the DNS answer, else a new one. */
  readonly flow: string
  readonly process: Promise<ProcessInfo | undefined>
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
}

/** One for all: without it each abort would make an exception of its own, stack and all. */
const gone = new GatewayError('CLIENT_ABORTED', 'the client is gone')

/** Aborted when the client of `socket` is gone. Made when it is first asked for: most connections never do. */
export function goneSignal(socket: Socket): () => AbortSignal {
  let controller: AbortController | undefined
  return () => {
    if (controller !== undefined) return controller.signal
    const made = new AbortController()
    controller = made
    if (socket.closed) made.abort(gone)
    else socket.once('close', () => made.abort(gone))
    return made.signal
  }
}

/** The address that was dialled without a name, as a further fact of a connection. */
export function literalOf({ literal }: Connection): { readonly literal?: Address } {
  return literal === undefined ? {} : { literal }
}

/** The name that a TLS hello asks for, as a further fact, when it is not the one that was dialled. */
export function askedOf({ host }: Connection, opening: Opening): { readonly asked?: Hostname } {
  if (opening.kind !== 'tls' || opening.hello.serverName.kind !== 'name') return {}
  const asked = opening.hello.serverName.host
  return asked === host ? {} : { asked }
}

/** Opens the record of a connection that is not (or not yet) HTTP. */
export async function openRecord(
  connection: Connection,
  layer: 'tls' | 'tcp',
  decision: Decision | undefined,
  facts: Partial<FlowEvent> = {},
): Promise<OpenFlow> {
  const { job, host, port, literal, flow } = connection
  const process = await connection.process
  return job.openFlow({
    layer,
    flow,
    host,
    port,
    protocol: layer,
    inspected: false,
    ...(literal === undefined ? {} : { address: literal }),
    ...(decision === undefined ? {} : verdictFacts(decision)),
    ...(process === undefined ? {} : { process }),
    ...facts,
  })
}

/** A decision as fields of the record. */
export function verdictFacts(decision: Decision | Denied): Partial<FlowEvent> {
  const { verdict, reason, rule } = decision
  return { verdict, reason, ...(rule === null ? {} : { rule }) }
}
