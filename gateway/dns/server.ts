import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import type { Source } from './perform.ts'
import { questionLimits, type QuestionLimits } from './question-log.ts'
import { Responder } from './responder.ts'
import { serveTcp, tcpLimits, type TcpLimits } from './tcp-connection.ts'
import { bindError, dnsPort, listenUdp, type Bind, type Respond } from './udp-listener.ts'
import type { UpstreamResolver } from './upstream.ts'

/** What a DNS server needs. */
export interface DnsServerOptions {
  /** The job whose wire ends here, or a way to find the job of an address (canonical text). */
  readonly job: Job | ((address: string) => Job | undefined)
  readonly bind: Bind
  /** Not owned: dispose it after the server. */
  readonly upstream: UpstreamResolver
  /** Milliseconds; default `Date.now`. */
  readonly now?: () => number
  readonly tcp?: Partial<TcpLimits> & {
    /** Connections open at the same time, those of the front door included; default 256. Beyond, new ones are reset. */
    readonly connections?: number
  }
  readonly questions?: Partial<QuestionLimits>
  /** Told of every answer: where it came from and how long it took, in milliseconds. */
  readonly onAnswer?: (source: Source, durationMs: number) => void
}

/** A running DNS server. Disposing it closes its sockets and writes what was counted and what still waits. */
export interface DnsServer extends AsyncDisposable {
  readonly address: string
  /** The port really bound, the same for UDP and TCP. */
  readonly port: number
  /**
   * Serves an accepted connection to port 53 of any address (from the front door) and takes it over. Resolves when it is
   * closed.
   */
  serveTcpConnection(socket: Socket): Promise<void>
  /** A job is over: what was counted for it is written, its budgets are forgotten. */
  forget(job: Job): void
}

const defaultConnections = 256
const flushMs = 1_000

/**
 * Opens the DNS server, on UDP and TCP, the only resolver that the job can reach (design.md §5).
 * @throws GatewayError PORT_IN_USE, SOCKET_FAILED.
 */
export async function openDnsServer(options: DnsServerOptions, signal: AbortSignal): Promise<DnsServer> {
  await using starting = new AsyncDisposableStack()
  const { job, bind, upstream, now = Date.now, onAnswer = () => undefined } = options
  const jobFor = typeof job === 'function' ? job : () => job
  const responder = new Responder({
    jobFor,
    upstream,
    now,
    limits: { ...questionLimits, ...options.questions },
    onAnswer,
  })
  const respond: Respond = (message, peer) => responder.respond(message, peer)
  const { connections: most = defaultConnections, ...limits } = options.tcp ?? {}
  const connections = new Connections(respond, { ...tcpLimits, ...limits }, most)

  const timer = setInterval(() => responder.flush(false), flushMs)
  timer.unref()
  starting.defer(() => clearInterval(timer))
  const port = await listen(starting, bind, respond, connections, signal)
  // Disposed first: nothing is taken any more, and what waits is written.
  starting.defer(() => responder.stop())

  const owned = starting.move()
  return {
    address: bind.address,
    port,
    serveTcpConnection: async socket =>
      connections.serve(socket, { address: socket.localAddress ?? bind.address, port: socket.localPort ?? dnsPort }),
    forget: ended => responder.forget(ended),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  }
}

/** Both listeners on one port; where the kernel chooses it for UDP, it may be taken for TCP, so another is tried. */
async function listen(
  starting: AsyncDisposableStack,
  bind: Bind,
  respond: Respond,
  connections: Connections,
  signal: AbortSignal,
): Promise<number> {
  for (let triesLeft = bind.port === 0 && bind.descriptors === undefined ? 8 : 1; ; triesLeft--) {
    await using listening = new AsyncDisposableStack()
    const { port } = listening.use(await listenUdp(bind, respond, signal))
    try {
      const server = await listenTcp({ ...bind, port }, connections, signal)
      listening.defer(async () => {
        const closed = once(server, 'close')
        server.close()
        connections[Symbol.dispose]()
        await closed
      })
      starting.use(listening.move())
      return port
    } catch (cause) {
      if (triesLeft === 1 || !(cause instanceof GatewayError) || cause.code !== 'PORT_IN_USE') throw cause
    }
  }
}

/** The open TCP connections, wherever they were accepted. */
class Connections implements Disposable {
  readonly #open = new Set<Socket>()
  readonly #respond: Respond
  readonly #limits: TcpLimits
  readonly #most: number
  #closed = false

  constructor(respond: Respond, limits: TcpLimits, most: number) {
    this.#respond = respond
    this.#limits = limits
    this.#most = most
  }

  async serve(socket: Socket, destination: { readonly address: string; readonly port: number }): Promise<void> {
    if (this.#closed || this.#open.size >= this.#most) {
      socket.resetAndDestroy()
      return
    }
    this.#open.add(socket)
    try {
      await serveTcp(socket, destination, this.#respond, this.#limits)
    } finally {
      this.#open.delete(socket)
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const socket of this.#open) socket.destroy()
  }
}

async function listenTcp(bind: Bind, connections: Connections, signal: AbortSignal): Promise<Server> {
  const destination = { address: bind.address, port: dnsPort }
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    socket => void connections.serve(socket, destination),
  )
  try {
    server.listen(
      bind.descriptors === undefined
        ? { host: bind.address, port: bind.port, backlog: 128 }
        : { fd: bind.descriptors.tcp },
    )
    await once(server, 'listening', { signal })
    // A connection that cannot be accepted is not there; the client asks again.
    server.on('error', () => undefined)
    return server
  } catch (cause) {
    server.close()
    throw signal.aborted ? cause : bindError(bind, 'TCP', cause)
  }
}
