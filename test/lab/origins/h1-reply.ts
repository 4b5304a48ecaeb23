import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { drained } from './drained.ts'
import { headerOf, type Exchange, type HeaderLine, type RawReply, type Reply } from './exchange.ts'

/** Writes a reply with the framing its body needs. Returns whether the connection stays. */
export async function writeReply(socket: Socket, exchange: Exchange, reply: Reply): Promise<boolean> {
  for (const early of reply.informational ?? []) socket.write(headText(early.status, undefined, early.headers ?? []))
  const headers: HeaderLine[] = [...(reply.headers ?? [])]
  const framedByHand =
    headerOf(headers, 'content-length') !== undefined || headerOf(headers, 'transfer-encoding') !== undefined
  const bodiless = reply.status === 204 || reply.status === 304
  const length = reply.length ?? fixedLength(reply)
  const chunked = !framedByHand && !bodiless && (length === undefined || reply.trailers !== undefined)
  if (chunked) headers.push(['Transfer-Encoding', 'chunked'])
  else if (!framedByHand && !bodiless) headers.push(['Content-Length', String(length)])
  if (reply.end === 'close' && headerOf(headers, 'connection') === undefined) headers.push(['Connection', 'close'])
  await write(socket, Buffer.from(headText(reply.status, reply.reason, headers), 'latin1'))
  if (exchange.method !== 'HEAD' && !bodiless) {
    for await (const piece of pieces(reply.body)) {
      if (socket.destroyed) return false
      if (piece.length > 0)
        await write(
          socket,
          chunked
            ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
            : piece,
        )
    }
    if (chunked)
      await write(
        socket,
        Buffer.from(
          `0\r\n${(reply.trailers ?? []).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
          'latin1',
        ),
      )
  }
  return finish(socket, reply.end)
}

/** Writes a script byte for byte. Returns whether the connection stays. */
export async function writeRaw(socket: Socket, reply: RawReply): Promise<boolean> {
  for (const step of reply.raw) {
    if ('waitMs' in step) await delay(step.waitMs)
    else if ('end' in step) return finish(socket, step.end === 'fin' ? 'close' : 'reset')
    else await write(socket, typeof step.send === 'string' ? Buffer.from(step.send, 'latin1') : Buffer.from(step.send))
  }
  return !socket.destroyed
}

/** A body as pieces. */
export async function* pieces(body: Reply['body']): AsyncGenerator<Buffer> {
  if (body === undefined) return
  if (typeof body === 'string') yield Buffer.from(body, 'utf8')
  else if (body instanceof Uint8Array) yield Buffer.from(body)
  else for await (const piece of body) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
}

/** The length of a body that is all there. */
export function fixedLength({ body }: Reply): number | undefined {
  if (body === undefined) return 0
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.length : undefined
}

function headText(status: number, reason: string | undefined, headers: readonly HeaderLine[]): string {
  return `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status] ?? ''}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** The rest of the body has to be on its way before a reset, or the client never sees it. */
function finish(socket: Socket, end: Reply['end']): boolean {
  if (end === 'close') socket.end()
  if (end === 'reset') setTimeout(() => resetUnder(socket), 50)
  return end === undefined && !socket.destroyed
}

/** A TLS socket cannot be reset itself; the TCP socket below it can. */
function resetUnder(socket: Socket): void {
  const below: unknown = '_parent' in socket ? socket._parent : undefined
  if (
    below !== null &&
    typeof below === 'object' &&
    'resetAndDestroy' in below &&
    typeof below.resetAndDestroy === 'function'
  )
    below.resetAndDestroy()
  else socket.resetAndDestroy()
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (!socket.destroyed && !socket.write(bytes)) await drained(socket)
}
