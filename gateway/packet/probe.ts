import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Wire, WireSocket } from './wire.ts'

/** What the listeners of a wire answer until it is served: numbers that only this wire's plan has. */
export interface ProbeNonces {
  readonly door: string
  readonly dnsTcp: string
  readonly dnsUdp: string
}

/** A connection that says nothing, or does not listen, is not kept for longer. */
const idleMs = 2_000

/**
 * Answers probes on the listeners of a wire, so that its other end can prove where it leads: each connection and each
 * datagram is told its number. Nothing is carried. Disposing leaves the listeners to whoever serves them next.
 */
export async function openProbe(wire: Wire, nonces: ProbeNonces, signal: AbortSignal): Promise<AsyncDisposable> {
  await using starting = new AsyncDisposableStack()
  for (const [socket, nonce] of [
    [wire.door, nonces.door],
    [wire.dnsTcp, nonces.dnsTcp],
  ] as const) {
    starting.use(await answerTcp(socket, nonce, signal))
  }
  starting.use(await answerUdp(wire.dnsUdp, nonces.dnsUdp, signal))
  return starting.move()
}

async function answerTcp(listener: WireSocket, nonce: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  const server = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.setTimeout(idleMs, () => socket.destroy())
    socket.resume().end(nonce)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.maxConnections = 64
  server.listen({ fd: listener.descriptor() })
  await once(server, 'listening', { signal })
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

async function answerUdp(listener: WireSocket, nonce: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  socket.on('message', (_message, { port, address }) => socket.send(nonce, port, address))
  const listening = once(socket, 'listening', { signal })
  socket.bind({ fd: listener.descriptor(), exclusive: true })
  await listening
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
