import { AsyncLocalStorage } from 'node:async_hooks'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { LeafMint } from '../ca/leaf.ts'
import { GatewayError } from '../errors.ts'
import { parseHostname } from '../net/hostname.ts'
import type { Host } from '../policy/decision.ts'
import type { Alpn } from '../upstream/pool.ts'
import { isDistrust } from './alert.ts'

/** As whom and how we answer a client's handshake. */
export interface Termination {
  /** A name that the client asked for by SNI, or an address that it dialled without one. */
  readonly host: Host
  /** True when `host` was asked for by SNI. */
  readonly byName: boolean
  /** The one protocol we agree to; undefined leaves ALPN out. */
  readonly alpn: Alpn | undefined
}

/** Milliseconds a client has for its side of the handshake. */
const handshakeMs = 10_000
/** Bytes that a socket holds in each direction; 16 KB, Node's default, costs twice the wake-ups on bulk. */
const highWaterMark = 65_536

/** Who waits for a handshake. Whatever is made while a connection is served keeps this, so at the end it is emptied. */
interface Waiting {
  done: (client: TLSSocket) => void
  failed: (cause: Error) => void
}

/**
 * Answers TLS handshakes as the hosts that clients mean. There is one `tls.Server` for each ALPN answer, none of which
 * listens: connections are handed to it. Its events name no connection that we gave it, and by the time of an error the
 * client's address may be gone; what they do have is the asynchronous context in which the connection was handed over.
 */
export class Terminator {
  readonly #mint: LeafMint
  readonly #servers: ReadonlyMap<Alpn | undefined, Server>
  readonly #waiting = new AsyncLocalStorage<Waiting>()
  readonly #maxInFlight: number
  readonly #queue: (() => void)[] = []
  #inFlight = 0

  /** More than `maxInFlight` handshakes at once wait for their turn: each costs memory, and a job may ask for thousands. */
  constructor(mint: LeafMint, maxInFlight: number) {
    this.#mint = mint
    this.#maxInFlight = maxInFlight
    this.#servers = new Map(
      ([undefined, 'http/1.1', 'h2'] as const).map(alpn => [alpn, this.#openServer(alpn, undefined)] as const),
    )
  }

  /** Handshakes that have not ended. */
  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Handshakes with the client over `socket`, which must be unread (what was peeked at is put back). Owns `socket`.
   * @throws GatewayError CLIENT_REFUSED_CA, CLIENT_TLS, CLIENT_ABORTED, CLIENT_TIMEOUT
   */
  async terminate(socket: Socket, as: Termination): Promise<TLSSocket> {
    const server = as.byName ? this.#servers.get(as.alpn) : this.#openServer(as.alpn, as.host)
    if (this.#inFlight >= this.#maxInFlight) await new Promise<void>(resolve => this.#queue.push(resolve))
    this.#inFlight += 1
    try {
      if (server === undefined || socket.destroyed) throw new GatewayError('CLIENT_ABORTED', 'the client is gone')
      const client = await this.#handshake(socket, server)
      client.allowHalfOpen = true
      // Node leaves a connection open whose TLS is broken, and nothing can be read from any more.
      client.on('error', () => client.destroy())
      assertName(client, as)
      return client
    } catch (cause) {
      socket.destroy()
      throw cause
    } finally {
      this.#inFlight -= 1
      this.#queue.shift()?.()
    }
  }

  #handshake(socket: Socket, server: Server): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        done: client => settle(() => resolve(client)),
        failed: cause => settle(() => reject(cause)),
      }
      const onClose = (): void => waiting.failed(new GatewayError('CLIENT_ABORTED', 'closed in handshake'))
      const timer = setTimeout(() => {
        waiting.failed(new GatewayError('CLIENT_TIMEOUT', 'the TLS handshake was not finished in time'))
      }, handshakeMs)
      function settle(act: () => void): void {
        clearTimeout(timer)
        socket.off('close', onClose)
        waiting.done = nobodyWaits
        waiting.failed = nobodyWaits
        act()
      }
      socket.once('close', onClose)
      // A client that closes its side before the handshake is done is gone; only after it, half open means anything.
      socket.allowHalfOpen = false
      this.#waiting.run(waiting, () => server.emit('connection', socket))
    })
  }

  #openServer(alpn: Alpn | undefined, address: Host | undefined): Server {
    const server = createServer({
      ...this.#mint.serverIdentity(address),
      SNICallback: (name, answer) => {
        const host = parseHostname(name)
        if (host === undefined) return answer(new GatewayError('CLIENT_TLS', 'the name asked for is not a host name'))
        try {
          answer(null, this.#mint.contextFor(host))
        } catch (cause) {
          answer(cause instanceof Error ? cause : new Error(String(cause)))
        }
      },
      ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
      highWaterMark,
      noDelay: true,
    })
    server.on('secureConnection', client => this.#waiting.getStore()?.done(client))
    server.on('tlsClientError', cause => this.#waiting.getStore()?.failed(clientFault(cause)))
    return server
  }
}

function nobodyWaits(): void {
  // The handshake is over: what comes now is for whoever has the connection.
}

/** Our parser read the hello before OpenSSL did; that both saw one name is not left to trust. */
function assertName(client: TLSSocket, as: Termination): void {
  const seen = typeof client.servername === 'string' ? parseHostname(client.servername) : undefined
  if (!as.byName || seen === as.host) return
  client.destroy()
  throw new GatewayError('CLIENT_TLS', 'the handshake is for another name than the hello was')
}

function clientFault(cause: Error): GatewayError {
  if (isDistrust(cause))
    return new GatewayError('CLIENT_REFUSED_CA', 'the client does not trust our certificate', { cause })
  if ('code' in cause && cause.code === 'ECONNRESET')
    return new GatewayError('CLIENT_ABORTED', 'closed in handshake', { cause })
  return new GatewayError('CLIENT_TLS', `the client's handshake failed: ${cause.message}`, { cause })
}
