import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { GatewayError } from '../errors.ts'
import type { Peer } from './attribution-window.ts'

/** Where to listen; port 0 lets the kernel choose. */
export interface Bind {
  readonly address: string
  readonly port: number
  /** Sockets that are bound already (behind TPROXY), instead of `port`; owned from here on. */
  readonly descriptors?: { readonly udp: number; readonly tcp: number }
}

/** The reply to one message, as the responder gives it. */
export type Respond = (message: Buffer, peer: Peer) => Buffer | undefined | Promise<Buffer | undefined>

/** The port of DNS: what the job dialled, whatever port the packets were steered to. */
export const dnsPort = 53

const socketBufferBytes = 4 << 20

/** A UDP listener; `port` is the one really bound. */
export interface UdpListener extends AsyncDisposable {
  readonly port: number
}

/**
 * Listens on UDP and answers each datagram from the address it came to.
 * @throws GatewayError PORT_IN_USE when the port is taken, SOCKET_FAILED for any other reason.
 */
export async function listenUdp(bind: Bind, respond: Respond, signal: AbortSignal): Promise<UdpListener> {
  const family = bind.address.includes(':') ? 6 : 4
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    recvBufferSize: socketBufferBytes,
    sendBufferSize: socketBufferBytes,
    // Addresses of replies are literals: without this every send would wait for a name look-up.
    lookup: (host, _options, callback) => callback(null, host, family),
  })
  const destination = { address: bind.address, port: dnsPort }
  let open = true
  const send = (reply: Buffer | undefined, address: string, port: number): void => {
    if (open && reply !== undefined) socket.send(reply, port, address)
  }
  socket.on('message', (message, { address, port }) => {
    const reply = respond(message, { transport: 'udp', address, port, destination })
    if (reply instanceof Promise) void reply.then(late => send(late, address, port))
    else send(reply, address, port)
  })
  try {
    // Waited for from before: with a look-up that answers at once, the event comes before bind() returns.
    const listening = once(socket, 'listening', { signal })
    socket.bind(
      bind.descriptors === undefined
        ? { address: bind.address, port: bind.port, exclusive: true }
        : { fd: bind.descriptors.udp, exclusive: true },
    )
    await listening
  } catch (cause) {
    socket.close()
    throw signal.aborted ? cause : bindError(bind, 'UDP', cause)
  }
  // A client that went away, or whose packets are refused (EPERM), is no fault of the server: it asks again if it is there.
  socket.on('error', () => undefined)
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      open = false
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

/** What a failed bind means to whoever started the gateway. */
export function bindError(bind: Bind, transport: 'UDP' | 'TCP', cause: unknown): GatewayError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const where = `${bind.address}:${bind.port}/${transport.toLowerCase()}`
  return code === 'EADDRINUSE'
    ? new GatewayError('PORT_IN_USE', `cannot serve DNS at ${where}: the port is in use`, {
        cause,
        details: { ...bind },
      })
    : new GatewayError('SOCKET_FAILED', `cannot serve DNS at ${where}: ${String(code ?? cause)}`, {
        cause,
        details: { ...bind },
      })
}
