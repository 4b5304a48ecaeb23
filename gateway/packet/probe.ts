import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Wire, WireSocket } from './wire.ts'

/** The listeners of a wire, as a probe's answer tells them apart. */
export type Probed = 'door' | 'dns-tcp' | 'dns-udp'

/** Characters of a question, and of half of an answer: 128 bits, hexadecimal. */
export const questionLength = 32

/** A connection that says nothing, or does not listen, is not kept for longer. */
const idleMs = 2_000

/**
 * What the listeners of a wire answer to a question until it is served. Only who has the plan's key can know it, and to have
 * heard others ask and be answered is of no use to anybody. Pure.
 */
export function probeAnswer(key: string, listener: Probed, question: string): string {
  return createHmac('sha256', key).update(`${listener} ${question}`).digest('hex')
}

/**
 * Answers probes on the listeners of a wire, so that its other end can prove where it leads. Nothing is carried. Disposing
 * leaves the listeners to whoever serves them next.
 */
export async function openProbe(wire: Wire, key: string, signal: AbortSignal): Promise<AsyncDisposable> {
  await using starting = new AsyncDisposableStack()
  const answerTo = (listener: Probed) => (question: string) => probeAnswer(key, listener, question)
  starting.use(await answerTcp(wire.door, answerTo('door'), signal))
  starting.use(await answerTcp(wire.dnsTcp, answerTo('dns-tcp'), signal))
  starting.use(await answerUdp(wire.dnsUdp, answerTo('dns-udp'), signal))
  return starting.move()
}

async function answerTcp(
  listener: WireSocket,
  answer: (question: string) => string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  const server = createServer(socket => {
    let asked = ''
    socket.on('error', () => socket.destroy())
    socket.setTimeout(idleMs, () => socket.destroy())
    socket.setEncoding('latin1').on('data', (part: string) => {
      if (socket.writableEnded) return
      asked += part
      if (asked.length >= questionLength) socket.end(answer(asked.slice(0, questionLength)))
    })
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

async function answerUdp(
  listener: WireSocket,
  answer: (question: string) => string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  socket.on('message', (message, { port, address }) => {
    if (message.length === questionLength) socket.send(answer(message.toString('latin1')), port, address)
  })
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
