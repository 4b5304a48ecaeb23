import { once } from 'node:events'
import {
  connect,
  createSecureServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2SecureServer,
  type ServerHttp2Stream,
} from 'node:http2'
import type { HttpLimits } from '../../../gateway/http/context.ts'
import { policyOf } from '../door/fake-job.ts'
import { Loopback, originIdentity } from '../door/loopback.ts'
import { tlsClient } from '../door/tls-client.ts'

export const host = 'a.example.com'

/** What an origin does with one stream; `raw` is its head as it came. */
export type OnStream = (stream: ServerHttp2Stream, raw: readonly string[]) => void

/** An HTTP/2 origin, a gateway before it, and a client that trusts the gateway. */
export class H2Rig implements AsyncDisposable {
  readonly gateway: Loopback
  readonly origin: Http2SecureServer
  /** Sessions that the gateway opened with the origin. */
  sessions = 0
  readonly #clients: ClientHttp2Session[] = []

  constructor(
    onStream: OnStream,
    rules: readonly string[] = [host],
    mode: 'audit' | 'block' = 'block',
    httpLimits: Partial<HttpLimits> = {},
  ) {
    this.gateway = new Loopback(policyOf(mode, rules), { httpLimits })
    this.origin = createSecureServer({ ...originIdentity(host), settings: { maxConcurrentStreams: 200 } })
    this.origin.on('stream', (stream: ServerHttp2Stream, _headers: unknown, _flags: number, raw: string[]) => {
      stream.on('error', () => {})
      onStream(stream, raw)
    })
    this.origin.on('session', session => {
      this.sessions += 1
      session.on('error', () => {})
    })
  }

  async start(): Promise<number> {
    await this.gateway.origin(this.origin)
    return this.gateway.toward(host)
  }

  /** A client session to the gateway at `port`, or to a new door. */
  async client(port?: number): Promise<ClientHttp2Session> {
    const socket = await tlsClient(this.gateway, port ?? (await this.start()), {
      servername: host,
      ALPNProtocols: ['h2'],
    })
    const session = connect(`https://${host}`, { createConnection: () => socket })
    session.on('error', () => {})
    this.#clients.push(session)
    return session
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#clients) session.destroy()
    await this.gateway[Symbol.asyncDispose]()
  }
}

/** What a client saw of one stream. */
export interface Seen {
  readonly interim: string[][]
  head: string[] | undefined
  trailers: string[] | undefined
  body: string
  code: number
}

/** Collects a stream until it is closed. */
export async function collect(stream: ClientHttp2Stream): Promise<Seen> {
  const seen: Seen = { interim: [], head: undefined, trailers: undefined, body: '', code: 0 }
  stream.on('headers', (_headers, _flags, raw) => seen.interim.push([...raw]))
  stream.on('response', (_headers, _flags, raw) => (seen.head = [...raw]))
  stream.on('trailers', (_headers, _flags, raw) => (seen.trailers = [...raw]))
  stream.on('data', (chunk: Buffer) => (seen.body += chunk.toString('latin1')))
  stream.on('error', () => {})
  if (!stream.closed)
    await once(stream, 'close').then(
      () => undefined,
      () => undefined,
    )
  seen.code = stream.rstCode ?? 0
  return seen
}

/** The head of a request to `host`. */
export function request(method: string, path: string, ...more: string[]): string[] {
  return [':method', method, ':scheme', 'https', ':authority', host, ':path', path, ...more]
}
