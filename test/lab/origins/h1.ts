import type { Socket } from 'node:net'
import { headerOf, type Exchange, type Handler, type HeaderLine } from './exchange.ts'
import { h1Body } from './h1-body.ts'
import { writeRaw, writeReply } from './h1-reply.ts'
import { Inbound } from './inbound.ts'
import type { LiveConnection, LiveRequest, Recorder } from './recorder.ts'

const maxHeadBytes = 1_048_576

/**
 * Serves HTTP/1 on a connected socket. It is lenient on purpose: whatever arrives is recorded as it is, so that a test
 * can see what a gateway let through.
 */
export async function serveH1(
  socket: Socket,
  connection: LiveConnection,
  handler: Handler,
  recorder: Recorder,
): Promise<void> {
  const inbound = new Inbound(socket, piece => connection.receivedTally.add(piece))
  while (!socket.destroyed) {
    const head = await readHead(inbound)
    if (head.length === 0) break
    const parsed = parseHead(head)
    const request = recorder.openRequest(connection, { protocol: 'http/1.1', head, ...parsed })
    if (parsed.method === '') {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      break
    }
    const { exchange, awaitsContinue } = exchangeOf(socket, connection, request, inbound)
    const outcome = await handler(exchange)
    if ('takeOver' in outcome) {
      outcome.takeOver(socket, inbound.release())
      return
    }
    const stays = 'raw' in outcome ? await writeRaw(socket, outcome) : await writeReply(socket, exchange, outcome)
    if (!stays) break
    // Told nothing, the client need not send its body; what comes next would be anybody's guess.
    if (awaitsContinue()) break
    for await (const _ of exchange.body) void _
    if (!keepsAlive(exchange)) break
  }
  if (!socket.destroyed) socket.end()
}

/** The head of the next request, blank lines before it included. */
async function readHead(inbound: Inbound): Promise<Buffer> {
  const first = await inbound.readUntil('\n', maxHeadBytes)
  let head = first
  while (head.length < maxHeadBytes) {
    const line = await inbound.readUntil('\n', maxHeadBytes)
    head = Buffer.concat([head, line])
    if (
      line.length === 0 ||
      ((line.equals(Buffer.from('\r\n')) || line.equals(Buffer.from('\n'))) && /[^\r\n]/.test(head.toString('latin1')))
    )
      break
  }
  return head
}

function parseHead(head: Buffer): { method: string; target: string; host: string; headers: HeaderLine[] } {
  const [start = '', ...lines] = head
    .toString('latin1')
    .replace(/^[\r\n]+/, '')
    .split(/\r?\n/)
  const [, method = '', target = ''] = /^(\S+) (\S+) HTTP\/1\.[01]$/.exec(start) ?? []
  const headers = lines
    .filter(line => line !== '')
    .map(line => {
      const colon = line.indexOf(':')
      return colon < 0
        ? ([line, ''] as const)
        : ([line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')] as const)
    })
  const absolute = /^https?:\/\/([^/]+)/i.exec(target)?.[1]
  return {
    method,
    target,
    headers,
    host: (absolute ?? headerOf(headers, 'host') ?? '').toLowerCase().replace(/:\d+$/, ''),
  }
}

function exchangeOf(
  socket: Socket,
  connection: LiveConnection,
  request: LiveRequest,
  inbound: Inbound,
): { exchange: Exchange; readonly awaitsContinue: () => boolean } {
  const trailers: HeaderLine[] = []
  const [path = '', query = ''] = request.target.replace(/^https?:\/\/[^/]+/i, '').split(/\?(.*)/s)
  const source = h1Body(request.headers, inbound, piece => request.framedTally.add(piece), trailers)
  let awaiting = /100-continue/i.test(headerOf(request.headers, 'expect') ?? '')
  const onStart = (): void => {
    if (awaiting) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    awaiting = false
  }
  const exchange: Exchange = {
    protocol: 'http/1.1',
    encrypted: connection.encrypted,
    method: request.method,
    target: request.target,
    path,
    query: new URLSearchParams(query),
    host: request.host,
    headers: request.headers,
    head: request.head,
    trailers,
    localAddress: connection.address,
    remoteAddress: connection.peer,
    body: recorded(source, request, trailers, onStart),
  }
  return { exchange, awaitsContinue: () => awaiting }
}

/** Passes the body on and writes it down; one generator, so a second reader goes on where the first stopped. */
function recorded(
  source: AsyncGenerator<Buffer, boolean>,
  request: LiveRequest,
  trailers: HeaderLine[],
  onStart: () => void,
): AsyncIterable<Buffer> {
  const iterator: AsyncIterator<Buffer> = {
    async next() {
      onStart()
      const step = await source.next()
      if (step.done !== true) {
        request.bodyTally.add(step.value)
        return step
      }
      if (step.value) request.complete = true
      request.trailers = trailers
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

function keepsAlive(exchange: Exchange): boolean {
  const connection = headerOf(exchange.headers, 'connection')?.toLowerCase() ?? ''
  const old = /HTTP\/1\.0\r?\n/.test(Buffer.from(exchange.head).toString('latin1'))
  return old ? connection.includes('keep-alive') : !connection.includes('close')
}
