import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { GatewayError } from '../errors.ts'
import type { Peer } from './attribution-window.ts'

/** Where to listen; port 0 lets the kernel choose. */
export interface Bind {
  readonly address: string
  readonly port: number
  /** Sockets that are bound already (behind TPROXY), instead of `port`; owned from here on. */
  readonly descriptors?: {
    readonly udp: number
    readonly tcp: number
    /** The same UDP socket once more, many datagrams at a time; `onFull` hears of those that the kernel has no room for. */
    readonly batch: (onFull: TakeDatagram) => DatagramBatch
  }
}

/** Takes one datagram, and whom it is from or for. */
export type TakeDatagram = (message: Buffer, address: string, port: number) => void

/** Many datagrams at a time (`gateway/packet/datagram-batch.ts`). */
export interface DatagramBatch extends Disposable {
  /** Gives what is there, at most 32, without waiting; the number of them, or undefined for an error of the socket. */
  receive(take: TakeDatagram): number | undefined
  /** Takes a copy for the next `flush()`; false when it cannot take this one. Without address and port where the socket is connected. */
  send(message: Uint8Array, address?: string, port?: number): boolean
  /** False when something could not be sent. */
  flush(): boolean
}

/** The reply to one message, as the responder gives it. */
export type Respond = (message: Buffer, peer: Peer) => Buffer | undefined | Promise<Buffer | undefined>

/** The port of DNS: what the job dialled, whatever port the packets were steered to. */
export const dnsPort = 53

const socketBufferBytes = 4 << 20
/** Most datagrams of a turn of the event loop, besides those that Node brings: a flood of them leaves time for everything else. */
const mostAtOnce = 128

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
  const answering = new Answering(socket, bind, respond)
  socket.on('message', (message, { address, port }) => answering.take(message, address, port))
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
    answering[Symbol.dispose]()
    socket.close()
    throw signal.aborted ? cause : bindError(bind, 'UDP', cause)
  }
  // A client that went away, or whose packets are refused (EPERM), is no fault of the server: it asks again if it is there.
  socket.on('error', () => undefined)
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      answering[Symbol.dispose]()
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

/**
 * Takes datagrams and sends their replies. A message that Node brings is seldom alone under load: the others are taken, and
 * the replies to all of them sent, in one call each.
 */
class Answering implements Disposable {
  readonly #socket: Socket
  readonly #batch: DatagramBatch | undefined
  readonly #respond: Respond
  readonly #destination: Peer['destination']
  /** Datagrams that may be taken in this turn of the event loop, besides those that Node brings. */
  #left = mostAtOnce
  #turn: NodeJS.Immediate | undefined
  #isOpen = true

  constructor(socket: Socket, bind: Bind, respond: Respond) {
    this.#socket = socket
    this.#respond = respond
    this.#destination = { address: bind.address, port: dnsPort }
    this.#batch = bind.descriptors?.batch(this.#sendAlone)
  }

  /** Answers a message that Node brought, and those that came with it. */
  take(message: Buffer, address: string, port: number): void {
    this.#answer(message, address, port)
    if (this.#batch === undefined) return
    if (this.#left > 0) {
      const taken = this.#batch.receive(this.#answer) ?? 0
      this.#left -= taken
      if (taken > 0) this.#untilTurnEnds()
    }
    this.#batch.flush()
  }

  [Symbol.dispose](): void {
    this.#isOpen = false
    clearImmediate(this.#turn)
    this.#batch?.[Symbol.dispose]()
  }

  readonly #answer = (message: Buffer, address: string, port: number): void => {
    const peer: Peer = { transport: 'udp', address, port, destination: this.#destination }
    const reply = this.#respond(message, peer)
    if (reply instanceof Promise) void reply.then(late => this.#sendLate(late, address, port))
    else if (reply !== undefined) this.#send(reply, address, port)
  }

  #send(reply: Buffer, address: string, port: number): void {
    if (this.#batch?.send(reply, address, port) !== true) this.#sendAlone(reply, address, port)
  }

  /** What is found out in one turn goes out together. */
  #sendLate(reply: Buffer | undefined, address: string, port: number): void {
    if (reply === undefined) return
    this.#send(reply, address, port)
    this.#untilTurnEnds()
  }

  #untilTurnEnds(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.#left = mostAtOnce
      this.#batch?.flush()
    })
  }

  readonly #sendAlone = (reply: Buffer, address: string, port: number): void => {
    if (this.#isOpen) this.#socket.send(reply, port, address)
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
