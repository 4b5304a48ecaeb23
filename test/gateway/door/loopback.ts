import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Authority } from '../../../gateway/ca/authority.ts'
import { LeafMint } from '../../../gateway/ca/leaf.ts'
import { Door, type DoorOptions } from '../../../gateway/door/door.ts'
import { handleConnection } from '../../../gateway/door/route.ts'
import type { JobSocket } from '../../../gateway/jobs/job.ts'
import type { Address } from '../../../gateway/net/address.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { dial } from '../../../gateway/upstream/dial.ts'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { openOrigins } from '../../../gateway/upstream/origins.ts'
import type { Connect, Resolver } from '../../../gateway/upstream/outside.ts'
import { address, FakeJob, hostname, port } from './fake-job.ts'

/** The certificate authority of the simulated outside. */
export const outsideCa = new Authority({ job: 'outside', lifetimeHours: 1, now: Date.now() })

/** Certificate and key of an origin, by the outside's authority. */
export function originIdentity(host: string, authority = outsideCa): { readonly cert: string; readonly key: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const cert = authority.issue(hostname(host), pair.publicKey.export({ type: 'spki', format: 'der' }))
  return { cert, key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** The public address under which the outside's origins are found. */
export const originAddress = address('203.0.113.10')

/** A gateway on loopback: every name resolves to `originAddress`, and that leads to the origins' real ports. */
export class Loopback implements AsyncDisposable {
  readonly job: FakeJob
  readonly authority = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() })
  readonly door: Door
  /** Connections that DNS over TCP was asked to take. */
  readonly dnsConnections: Socket[] = []
  /** Addresses and ports dialled outside, in order. */
  readonly dialled: string[] = []
  readonly handshakes: string[] = []
  readonly faults: unknown[] = []
  readonly #origins = new Map<number, number>()
  readonly #servers: Server[] = []
  /** What a connection to a real port stands for. */
  readonly #meant = new Map<number | undefined, JobSocket>()
  readonly #accepted = new Set<Promise<void>>()
  #source: Address
  #resolved: Address = originAddress

  constructor(policy: Policy, options: Partial<DoorOptions> = {}) {
    this.job = new FakeJob(policy)
    this.#source = this.job.address
    const resolver: Resolver = { resolve: () => Promise.resolve([this.#resolved]) }
    const open: Connect = (to, toPort) => {
      this.dialled.push(`${to}:${toPort}`)
      const real = this.#origins.get(toPort) ?? 1
      return connect({ host: '127.0.0.1', port: real, allowHalfOpen: true, noDelay: true })
    }
    const tls = openOriginTls([outsideCa.certificate])
    this.door = new Door({
      job: this.job,
      mint: new LeafMint(this.authority),
      origins: openOrigins({ job: this.job, resolver, tls, connect: open }),
      dial: (target, signal) => dial(target, resolver, signal, open),
      serveDnsTcp: socket => void this.dnsConnections.push(socket),
      endpointsOf: socket => this.#meant.get(socket.localPort),
      onFault: cause => void this.faults.push(cause),
      onHandshake: outcome => void this.handshakes.push(outcome),
      ...options,
    })
  }

  /** Makes `server` the origin behind `atPort` of every outside address. */
  async origin(server: Server, atPort = 443): Promise<void> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#servers.push(server)
    this.#origins.set(atPort, portOf(server))
  }

  /** Connections from here on come from another address than the job's. */
  from(source: string): void {
    this.#source = address(source)
  }

  /** Names lead to this address from here on. */
  resolvesTo(resolved: string): void {
    this.#resolved = address(resolved)
  }

  /** Opens the door for what the job dials: a name, or a literal address. Returns the real port on 127.0.0.1. */
  async toward(host: string, atPort = 443): Promise<number> {
    const literal = /^[0-9.]+$|:/.test(host)
    const dialled = literal ? address(host) : this.job.names.assign(hostname(host))
    const destination = { address: dialled, port: port(atPort) }
    const source = { address: this.#source, port: port(40_000) }
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 65_536 }, socket => {
      const handled = handleConnection(socket, this.door)
      this.#accepted.add(handled)
      this.door.track(handled.catch(() => undefined))
      void handled.finally(() => this.#accepted.delete(handled))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#servers.push(server)
    this.#meant.set(portOf(server), { transport: 'tcp', source, destination })
    return portOf(server)
  }

  /** Settles when every accepted connection has been dealt with; rejects when one of them failed. */
  async settled(): Promise<void> {
    while (this.#accepted.size > 0) await Promise.all(this.#accepted)
    if (this.faults.length > 0) throw new AggregateError(this.faults, 'what should never happen')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.door[Symbol.dispose]()
    await this.settled()
    this.door.origins[Symbol.dispose]()
    for (const server of this.#servers) {
      server.close()
      if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
        server.closeAllConnections()
    }
  }
}

export function portOf(server: Server): number {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('the server is not bound to a port')
  return bound.port
}
