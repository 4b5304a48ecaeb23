import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { GatewayError } from '../../../gateway/errors.ts'
import { defaultHttpLimits, type HttpContext, type HttpLimits } from '../../../gateway/http/context.ts'
import { relayHttp1 } from '../../../gateway/http/relay.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { openOrigins, type Origins } from '../../../gateway/upstream/origins.ts'
import type { Denied, Resolver } from '../../../gateway/upstream/outside.ts'
import { address, FakeJob, hostname, port } from '../door/fake-job.ts'

export interface HarnessOptions {
  readonly limits?: Partial<HttpLimits>
  readonly refusal?: Denied | GatewayError
  readonly host?: string
  readonly port?: number
  /** Bytes the relay's side of the client connection holds; small ones make slow readers felt early. */
  readonly resolved?: readonly string[]
}

/**
 * A relay on loopback, in plain HTTP: clients connect to it, it connects to `origin` as `http://api.example.test:80`.
 * The origin is a function of a raw socket, so that tests see and send every byte.
 */
export class Harness implements AsyncDisposable {
  readonly job: FakeJob
  readonly origins: Origins
  /** Connections the origin took. */
  readonly accepted: Socket[] = []
  readonly relays = new Set<Promise<void>>()
  readonly #origin: Server
  readonly #front: Server
  readonly #clients: Socket[] = []

  private constructor(policy: Policy, origin: (socket: Socket) => void, options: HarnessOptions) {
    this.job = new FakeJob(policy)
    this.#origin = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      this.accepted.push(socket)
      socket.on('error', () => undefined)
      origin(socket)
    })
    const resolver: Resolver = { resolve: () => Promise.resolve((options.resolved ?? ['203.0.113.10']).map(address)) }
    this.origins = openOrigins({
      job: this.job,
      resolver,
      tls: openOriginTls([]),
      connect: () => connect({ host: '127.0.0.1', port: portOf(this.#origin), allowHalfOpen: true, noDelay: true }),
    })
    const host = hostname(options.host ?? 'api.example.test')
    const context: HttpContext = {
      job: this.job,
      host,
      port: port(options.port ?? 80),
      scheme: 'http',
      flow: 'flow-dns',
      process: undefined,
      inspected: false,
      upstream: this.origins.pool(host, port(options.port ?? 80), 'http'),
      limits: { ...defaultHttpLimits, ...options.limits },
      ...(options.refusal !== undefined && { refusal: options.refusal }),
    }
    this.#front = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      const relayed = relayHttp1(socket, context)
      this.relays.add(relayed)
      void relayed.finally(() => this.relays.delete(relayed))
    })
  }

  static async open(policy: Policy, origin: (socket: Socket) => void, options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(policy, origin, options)
    for (const server of [harness.#origin, harness.#front]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    return harness
  }

  /** The port that clients connect to on 127.0.0.1. */
  get port(): number {
    return portOf(this.#front)
  }

  async client(): Promise<Client> {
    const socket = connect({ host: '127.0.0.1', port: this.port, allowHalfOpen: true, noDelay: true })
    this.#clients.push(socket)
    const client = new Client(socket)
    await once(socket, 'connect')
    return client
  }

  /** Sends `request`, half closes nothing, and gives what came back once `isEnough` says so or the connection ends. */
  async ask(request: string, isEnough: (text: string) => boolean = () => false): Promise<string> {
    const client = await this.client()
    client.send(request)
    return client.until(isEnough)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [...this.#clients, ...this.accepted]) socket.destroy()
    this.origins[Symbol.dispose]()
    await Promise.all(this.relays)
    this.#front.close()
    this.#origin.close()
  }
}

/** A client that sees every byte. */
export class Client {
  readonly socket: Socket
  text = ''
  ended = false
  closed = false
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.text += text
      this.#wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
    socket.on('error', () => undefined)
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** What has come, once `isEnough` holds or nothing more can come. */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    while (!isEnough(this.text) && !this.ended && !this.closed) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    return this.text
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

export function portOf(server: Server): number {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('the server is not bound to a port')
  return bound.port
}

/** An origin that answers each request head by `answer(head)`, written as it is; and what it received. */
export function scripted(answer: (received: string, socket: Socket) => string | undefined): (socket: Socket) => void {
  return socket => {
    let received = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received += text
      const reply = answer(received, socket)
      if (reply === undefined) return
      received = ''
      socket.write(reply, 'latin1')
    })
    socket.on('end', () => socket.end())
  }
}
