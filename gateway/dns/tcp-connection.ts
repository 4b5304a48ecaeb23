import type { Socket } from 'node:net'
import type { Peer } from './attribution-window.ts'
import { Frames, renderFrame } from './frames.ts'
import type { Respond } from './udp-listener.ts'

/** Bounds of one connection. */
export interface TcpLimits {
  /**
   * Milliseconds without a whole question or an answer taken, after which the connection is closed (RFC 7766 §6.2.3):
   * single bytes do not keep it open.
   */
  readonly idleMs: number
  /** Questions of one connection that may wait at the same time; reading stops at that number (RFC 7766 §6.2.1.1). */
  readonly pipelined: number
  /** Bytes of answers that a slow reader may leave unread before reading stops, too. */
  readonly unreadBytes: number
}

/** Enough for pipelining stub resolvers, little enough for hundreds of connections. */
export const tcpLimits: TcpLimits = { idleMs: 10_000, pipelined: 64, unreadBytes: 131_072 }

/**
 * Serves DNS on an accepted connection until it ends; takes the socket over. Questions may be pipelined, and are answered
 * as they become ready. After the client's FIN what waits is still answered (half close). Resolves when it is closed.
 */
export async function serveTcp(
  socket: Socket,
  destination: Peer['destination'],
  respond: Respond,
  limits: TcpLimits,
): Promise<void> {
  const { remoteAddress: address, remotePort: port } = socket
  if (address === undefined || port === undefined) {
    socket.destroy()
    return
  }
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const peer: Peer = { transport: 'tcp', address, port, destination }
  const frames = new Frames()
  const idle = setTimeout(() => socket.destroy(), limits.idleMs)
  let waiting = 0
  let ended = false

  const settle = (): void => {
    if (ended && waiting === 0) socket.end()
    else if (waiting < limits.pipelined && socket.writableLength < limits.unreadBytes) socket.resume()
  }
  const send = (reply: Buffer | undefined): void => {
    waiting -= 1
    // Refreshed when the client's side has taken it, not when we have written it.
    if (reply !== undefined && socket.writable) socket.write(renderFrame(reply), () => idle.refresh())
    settle()
  }
  const take = (message: Buffer): void => {
    waiting += 1
    idle.refresh()
    const reply = respond(message, peer)
    if (reply instanceof Promise) void reply.then(send)
    else send(reply)
  }

  // The default ends the writing half with the reading one, and cuts answers that still wait.
  socket.allowHalfOpen = true
  socket.setNoDelay(true)
  socket.on('data', chunk => {
    frames.push(chunk, take)
    if (waiting >= limits.pipelined || socket.writableLength >= limits.unreadBytes) socket.pause()
  })
  socket.on('drain', settle)
  socket.on('end', () => {
    ended = true
    settle()
  })
  // A reset by the client is its way to hang up; 'close' follows.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => resolve())
  if (socket.destroyed) resolve()
  socket.resume()
  await closed
  clearTimeout(idle)
}
