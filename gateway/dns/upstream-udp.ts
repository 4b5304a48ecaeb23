import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { readUint16 } from './name.ts'
import type { DatagramBatch } from './udp-listener.ts'
import { answersQuestion, withId, type UpstreamQuestion } from './upstream-question.ts'

/** A resolver's address; `address` may carry a zone (`fe80::1%eth0`). */
export interface ResolverAddress {
  readonly address: string
  readonly port: number
}

/**
 * Connects a socket to a resolver, for Node to read and for many datagrams at a time (`gateway/packet/datagram-batch.ts`); both
 * are the caller's. Undefined where that cannot be: then Node's own way is taken.
 */
export type ConnectDatagrams = (
  address: string,
  port: number,
) => { readonly fd: number; readonly batch: DatagramBatch } | undefined

/** Called once with the answer, or with undefined when the resolver cannot be reached at all. */
export type OnAnswer = (message: Buffer | undefined) => void

interface Waiting {
  readonly question: UpstreamQuestion
  readonly onAnswer: OnAnswer
}

/** One connected socket: the kernel drops what does not come from the resolver, and its port is one of many. */
interface Channel {
  readonly socket: Socket
  readonly batch: DatagramBatch | undefined
  readonly waiting: Map<number, Waiting>
  readonly openedAt: number
  sent: number
  state: 'connecting' | 'connected' | 'closed'
}

const channels = 4
/** After so many questions, or so long, a channel gives way to one with a fresh port (RFC 5452 §9.2). */
const questionsPerChannel = 5_000
const channelAgeMs = 60_000
const maxWaitingPerChannel = 2_048
const retiredLingerMs = 10_000

/** Sends questions to one resolver over UDP, from several ports, each under a random id. Owns its sockets. */
export class UpstreamUdp implements Disposable {
  readonly #resolver: ResolverAddress
  readonly #now: () => number
  readonly #connectDatagrams: ConnectDatagrams
  readonly #open: Channel[] = []
  readonly #retired = new Map<Channel, NodeJS.Timeout>()
  #next = 0
  #turn: NodeJS.Immediate | undefined

  constructor(resolver: ResolverAddress, now: () => number, connect: ConnectDatagrams = () => undefined) {
    this.#resolver = resolver
    this.#now = now
    this.#connectDatagrams = connect
    // Opened before the first question, which would otherwise wait for its socket.
    while (this.#open.length < channels) this.#connect()
  }

  /**
   * Sends the question; the returned function forgets it. Replies that are not an answer to it are ignored, so that a
   * forged one does not end the wait. The caller sets the time limit.
   */
  send(question: UpstreamQuestion, edns: boolean, onAnswer: OnAnswer): () => void {
    const channel = this.#channel()
    if (channel.waiting.size >= maxWaitingPerChannel) {
      queueMicrotask(() => onAnswer(undefined))
      return () => undefined
    }
    let id = randomId()
    while (channel.waiting.has(id)) id = randomId()
    channel.waiting.set(id, { question, onAnswer })
    channel.sent += 1
    const message = withId(question, id, edns)
    if (channel.batch?.send(message) === true) this.#turn ??= setImmediate(this.#flush)
    else if (channel.state === 'connected') channel.socket.send(message)
    else channel.socket.once('connect', () => channel.waiting.has(id) && channel.socket.send(message))
    return () => this.#forget(channel, id)
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#turn)
    for (const timer of this.#retired.values()) clearTimeout(timer)
    const all = [...this.#open.splice(0), ...this.#retired.keys()]
    this.#retired.clear()
    for (const channel of all) this.#close(channel)
  }

  #channel(): Channel {
    const worn = this.#open.find(channel => this.#isWorn(channel))
    if (worn !== undefined) this.#retire(worn)
    if (this.#open.length < channels) return this.#connect()
    this.#next = (this.#next + 1) % channels
    return this.#open[this.#next] ?? this.#connect()
  }

  #isWorn(channel: Channel): boolean {
    return channel.sent >= questionsPerChannel || this.#now() - channel.openedAt > channelAgeMs
  }

  #connect(): Channel {
    const { address, port } = this.#resolver
    const connected = this.#connectDatagrams(address, port)
    const family = isIPv6(address.replace(/%.*$/, '')) ? 6 : 4
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      recvBufferSize: 1 << 20,
      // The address is a literal: without this every send would wait for a name look-up.
      lookup: (host, _options, callback) => callback(null, host, family),
    })
    const channel: Channel = {
      socket,
      batch: connected?.batch,
      waiting: new Map(),
      openedAt: this.#now(),
      sent: 0,
      state: 'connecting',
    }
    socket.on('message', message => this.#arrive(channel, message))
    // ECONNREFUSED (ICMP) and unreachable networks arrive here: whoever waits on this channel learns it at once.
    socket.on('error', () => this.#fail(channel))
    socket.once(connected === undefined ? 'connect' : 'listening', () => (channel.state = 'connected'))
    this.#open.push(channel)
    if (connected === undefined) socket.connect(port, address)
    else socket.bind({ fd: connected.fd, exclusive: true })
    return channel
  }

  /** What is asked in one turn of the event loop goes together, a call for each channel. */
  readonly #flush = (): void => {
    this.#turn = undefined
    const failed = [...this.#open, ...this.#retired.keys()].filter(({ batch }) => batch?.flush() === false)
    for (const channel of failed) this.#fail(channel)
  }

  /** Takes a message that Node brought, and those that came with it. */
  #arrive(channel: Channel, message: Buffer): void {
    this.#receive(channel, message)
    const taken = channel.batch?.receive(next => this.#receive(channel, next))
    if (taken === undefined && channel.batch !== undefined) this.#fail(channel)
  }

  #receive(channel: Channel, message: Buffer): void {
    if (message.length < 12) return
    const id = readUint16(message, 0)
    const waiting = channel.waiting.get(id)
    if (waiting === undefined || !isAnswer(message, waiting.question)) return
    this.#forget(channel, id)
    waiting.onAnswer(message)
  }

  #forget(channel: Channel, id: number): void {
    channel.waiting.delete(id)
    if (channel.waiting.size === 0 && this.#retired.has(channel)) this.#close(channel)
  }

  #fail(channel: Channel): void {
    // A socket that could not even be connected is of no further use.
    if (channel.state === 'connecting') return this.#close(channel)
    const waiting = [...channel.waiting.values()]
    channel.waiting.clear()
    for (const { onAnswer } of waiting) onAnswer(undefined)
  }

  /** Lets late answers in for a while, then closes. */
  #retire(channel: Channel): void {
    this.#open.splice(this.#open.indexOf(channel), 1)
    if (channel.waiting.size === 0) this.#close(channel)
    else this.#retired.set(channel, setTimeout(() => this.#close(channel), retiredLingerMs).unref())
  }

  #close(channel: Channel): void {
    if (channel.state === 'closed') return
    channel.state = 'closed'
    clearTimeout(this.#retired.get(channel))
    this.#retired.delete(channel)
    const index = this.#open.indexOf(channel)
    if (index !== -1) this.#open.splice(index, 1)
    channel.batch?.[Symbol.dispose]()
    channel.socket.close()
    this.#fail(channel)
  }
}

/** A server without EDNS or with none of our types may answer FORMERR with the header alone (RFC 1035 era). */
function isAnswer(message: Buffer, question: UpstreamQuestion): boolean {
  return answersQuestion(message, question) || isBareFormErr(message)
}

function isBareFormErr(message: Buffer): boolean {
  return message.length === 12 && ((message[2] ?? 0) & 0xf8) === 0x80 && ((message[3] ?? 0) & 0x0f) === 1
}

const idPool = new Uint16Array(2_048)
let idsLeft = 0

function randomId(): number {
  if (idsLeft === 0) {
    crypto.getRandomValues(idPool)
    idsLeft = idPool.length
  }
  idsLeft -= 1
  return idPool[idsLeft] ?? 0
}
