import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { drained } from './drained.ts'
import { headerOf, type Exchange, type Handler, type HeaderLine, type Reply } from './exchange.ts'
import { fixedLength, pieces } from './h1-reply.ts'
import type { LiveConnection, LiveRequest, Recorder } from './recorder.ts'

/** Serves HTTP/2 on connected sockets. */
export class H2Origin {
  readonly #server: Http2Server
  readonly #connections = new WeakMap<Http2Session, LiveConnection>()
  readonly #handler: Handler
  readonly #recorder: Recorder

  constructor(handler: Handler, recorder: Recorder) {
    this.#handler = handler
    this.#recorder = recorder
    this.#server = createServer({ settings: { maxConcurrentStreams: 256, initialWindowSize: 1_048_576 } })
    this.#server.on('sessionError', () => {})
    this.#server.on('stream', (stream, _headers, _flags, rawHeaders: string[]) => {
      stream.on('error', () => {})
      const connection = stream.session === undefined ? undefined : this.#connections.get(stream.session)
      if (connection !== undefined)
        void this.#answer(stream, connection, linesOf(rawHeaders)).catch(() => stream.close(2))
    })
  }

  /** Takes a socket whose ALPN was h2. */
  serve(socket: Socket, connection: LiveConnection): void {
    this.#server.once('session', session => this.#connections.set(session, connection))
    this.#server.emit('connection', socket)
  }

  async #answer(stream: ServerHttp2Stream, connection: LiveConnection, headers: readonly HeaderLine[]): Promise<void> {
    const pseudo = new Map(headers.filter(([name]) => name.startsWith(':')))
    const target = pseudo.get(':path') ?? ''
    const host = (pseudo.get(':authority') ?? headers.find(([name]) => name === 'host')?.[1] ?? '')
      .toLowerCase()
      .replace(/:\d+$/, '')
    const method = pseudo.get(':method') ?? ''
    const request = this.#recorder.openRequest(connection, {
      protocol: 'h2',
      head: new Uint8Array(),
      host,
      method,
      target,
      headers,
    })
    const trailers: HeaderLine[] = []
    stream.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, raw?: string[]) => {
      trailers.push(...linesOf(raw ?? []))
      request.trailers = trailers
    })
    const [path = '', query = ''] = target.split(/\?(.*)/s)
    const exchange: Exchange = {
      protocol: 'h2',
      encrypted: connection.encrypted,
      method,
      target,
      path,
      query: new URLSearchParams(query),
      host,
      headers,
      trailers,
      head: request.head,
      localAddress: connection.address,
      remoteAddress: connection.peer,
      body: recorded(stream, request),
    }
    const outcome = await this.#handler(exchange)
    if ('raw' in outcome || 'takeOver' in outcome) return stream.close(13)
    await reply(stream, method, outcome)
    if (!stream.destroyed) for await (const _ of exchange.body) void _
  }
}

async function reply(stream: ServerHttp2Stream, method: string, outcome: Reply): Promise<void> {
  if (stream.destroyed) return
  for (const early of outcome.informational ?? [])
    stream.additionalHeaders({ ':status': early.status, ...fields(early.headers) })
  const withoutBody = method === 'HEAD' || outcome.status === 204 || outcome.status === 304
  const bytes = withoutBody && outcome.length === undefined ? undefined : (outcome.length ?? fixedLength(outcome))
  const isFramedByHand = headerOf(outcome.headers ?? [], 'content-length') !== undefined
  const length =
    bytes === undefined || outcome.status === 304 || isFramedByHand ? [] : ['content-length', String(bytes)]
  stream.respond([':status', String(outcome.status), ...length, ...inOrder(outcome.headers ?? [])], {
    endStream: withoutBody,
    waitForTrailers: outcome.trailers !== undefined,
  })
  if (withoutBody) return
  if (outcome.trailers !== undefined) stream.once('wantTrailers', () => stream.sendTrailers(fields(outcome.trailers)))
  for await (const piece of pieces(outcome.body)) {
    if (stream.destroyed) return
    if (!stream.write(piece)) await drained(stream)
  }
  if (outcome.end === 'reset') stream.close(2)
  else stream.end()
}

/** Fields that HTTP/2 has no place for. */
const ofConnections: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'keep-alive'])

/** Headers in the order given, repeated ones where they stand. */
function inOrder(lines: readonly HeaderLine[]): readonly string[] {
  return lines.flatMap(([name, value]) => (ofConnections.has(name.toLowerCase()) ? [] : [name.toLowerCase(), value]))
}

/** Headers as node wants them; repeated names become lists, connection headers are left out. */
function fields(lines: readonly HeaderLine[] | undefined): Record<string, string | string[]> {
  const grouped = Map.groupBy(lines ?? [], ([name]) => name.toLowerCase())
  for (const name of ofConnections) grouped.delete(name)
  return Object.fromEntries(
    [...grouped].map(([name, group]) => [
      name,
      group.length === 1 ? (group[0]?.[1] ?? '') : group.map(line => line[1]),
    ]),
  )
}

function recorded(stream: ServerHttp2Stream, request: LiveRequest): AsyncIterable<Buffer> {
  const source: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  const iterator: AsyncIterator<Buffer> = {
    async next() {
      const step = await source.next()
      if (step.done === true) request.complete = !stream.aborted
      else request.bodyTally.add(step.value)
      return step
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

function linesOf(raw: readonly string[]): HeaderLine[] {
  return Array.from(
    { length: raw.length >> 1 },
    (_, index) => [raw[index * 2] ?? '', raw[index * 2 + 1] ?? ''] as const,
  )
}
