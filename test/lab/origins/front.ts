import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type SecureContext,
  type Server as TlsServer,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import type { Handler } from './exchange.ts'
import { serveH1 } from './h1.ts'
import { H2Origin } from './h2.ts'
import type { LiveConnection, Recorder } from './recorder.ts'

/** How one TLS listener behaves. */
export interface FrontOptions extends Pick<
  TlsOptions,
  'minVersion' | 'maxVersion' | 'requestCert' | 'rejectUnauthorized' | 'ca'
> {
  /** Which protocol to take of those offered; `undefined` refuses. Without this the origin does not do ALPN at all. */
  readonly chooseAlpn?: (serverName: string | false, offered: readonly string[]) => string | undefined
}

/** Listens for HTTP and HTTPS on addresses of the lab, and records what arrives. */
export class Front {
  readonly #handler: Handler
  readonly #recorder: Recorder
  readonly #h2: H2Origin
  readonly #contextFor: (serverName: string) => SecureContext
  readonly #ticketKeys: Buffer
  readonly #ends = new WeakMap<Socket, ReturnType<typeof endsOf>>()
  readonly #certificate: { readonly cert: string; readonly key: string }

  constructor(options: {
    readonly handler: Handler
    readonly recorder: Recorder
    readonly contextFor: (serverName: string) => SecureContext
    /** For clients that send no server name. */
    readonly certificate: { readonly cert: string; readonly key: string }
    readonly ticketKeys: Buffer
  }) {
    this.#handler = options.handler
    this.#recorder = options.recorder
    this.#contextFor = options.contextFor
    this.#ticketKeys = options.ticketKeys
    this.#certificate = options.certificate
    this.#h2 = new H2Origin(options.handler, options.recorder)
  }

  /** Plain HTTP/1. */
  async listenPlain(address: string, port = 80): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, socket => this.adoptPlain(socket))
    await once(server.listen(port, address, 1_024), 'listening')
  }

  /** TLS with HTTP/1 and, where ALPN says so, HTTP/2. */
  async listenTls(address: string, options: FrontOptions, port = 443): Promise<void> {
    await once(this.tlsServer(options).listen(port, address, 1_024), 'listening')
  }

  /** Takes over a connected socket that speaks HTTP/1 in the clear. */
  adoptPlain(socket: Socket): void {
    this.#serve(socket, this.#record(socket, {}))
  }

  /** A server that does not listen yet; `emit('connection', socket)` hands it a socket. */
  tlsServer(options: FrontOptions): TlsServer {
    const { chooseAlpn, ...tls } = options
    const server = createTlsServer({
      ...tls,
      ...this.#certificate,
      noDelay: true,
      ticketKeys: this.#ticketKeys,
      handshakeTimeout: 20_000,
      SNICallback: (serverName, done) => done(null, this.#contextFor(serverName)),
      ...(chooseAlpn === undefined
        ? {}
        : {
            ALPNCallback: ({
              servername,
              protocols,
            }: {
              readonly servername: string | false
              readonly protocols: readonly string[]
            }) => chooseAlpn(servername, protocols),
          }),
    })
    server.on('connection', socket => this.#ends.set(socket, endsOf(socket)))
    server.on('secureConnection', socket => this.#serve(socket, this.#record(socket, tlsFacts(socket))))
    server.on('tlsClientError', (cause: NodeJS.ErrnoException, socket) => {
      // Its own addresses are gone by now; the TCP socket below it was asked in time.
      const below: unknown = '_parent' in socket ? socket._parent : undefined
      const ends = below instanceof Socket ? this.#ends.get(below) : undefined
      const connection = this.#record(socket, { ...tlsFacts(socket), ...ends })
      connection.error = cause.code ?? cause.message
      connection.closed = true
    })
    return server
  }

  #serve(socket: Socket, connection: LiveConnection): void {
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      connection.error = cause.code ?? cause.message
    })
    socket.on('close', () => {
      connection.closed = true
    })
    if (connection.alpn === 'h2') return this.#h2.serve(socket, connection)
    void serveH1(socket, connection, this.#handler, this.#recorder).catch((cause: unknown) => {
      connection.error ??= String(cause)
      socket.destroy()
    })
  }

  #record(socket: Socket, facts: Partial<LiveConnection>): LiveConnection {
    return this.#recorder.openConnection({
      ...endsOf(socket),
      encrypted: false,
      sni: undefined,
      alpn: undefined,
      tlsVersion: undefined,
      sessionReused: false,
      clientCertificate: undefined,
      error: undefined,
      ...facts,
    })
  }
}

function tlsFacts(socket: TLSSocket): Partial<LiveConnection> {
  const peer = socket.getPeerCertificate()
  const serverName: unknown = 'servername' in socket ? socket.servername : undefined
  return {
    encrypted: true,
    sni: typeof serverName === 'string' ? serverName : undefined,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    tlsVersion: socket.getProtocol() ?? undefined,
    sessionReused: isTrue(socket.isSessionReused()),
    clientCertificate: typeof peer?.subject?.CN === 'string' ? peer.subject.CN : undefined,
  }
}

/** Who is connected to what. */
export function endsOf(socket: Socket): Pick<LiveConnection, 'address' | 'port' | 'peer' | 'peerPort'> {
  return {
    address: unmapped(socket.localAddress),
    port: socket.localPort ?? 0,
    peer: unmapped(socket.remoteAddress),
    peerPort: socket.remotePort ?? 0,
  }
}

/** An address of a dual-stack socket as it was on the wire. */
function unmapped(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/** What the type calls a boolean is sometimes null. */
function isTrue(value: unknown): boolean {
  return value === true
}
