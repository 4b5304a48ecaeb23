import { closeSync } from 'node:fs'
import { GatewayError } from '../errors.ts'
import { addressFromBytes, bytesOf, familyOf, parseAddress } from '../net/address.ts'
import { parsePort } from '../net/port.ts'
import { call, pinned } from './libc.ts'
import { connectedUdpSocket, duplicate } from './sockets.ts'

// include/linux/socket.h
const AF_INET = 2
const MSG_DONTWAIT = 0x40

/** Datagrams that one call of the kernel takes or gives. */
const slots = 32
/** On the way in nothing is cut: pages of a slot that no datagram ever touched are not there. */
const inBytes = 65_536

/** Takes one datagram and who sent it; `message` is the taker's. */
export type Take = (message: Buffer, address: string, port: number) => void

/** How the datagrams of a socket go. */
export interface BatchOptions {
  /** Told of what could not be sent because the kernel's buffer is full; default: it is lost, as datagrams are. */
  readonly onFull?: Take
  /** The socket is connected: datagrams have no address. */
  readonly isConnected?: boolean
  /** Bytes of the longest message that is sent; default 1,472, a packet of an Ethernet. */
  readonly longest?: number
  /** Replaced by tests. */
  readonly libc?: typeof call
}

/**
 * Many datagrams of one UDP socket (IPv4) at a time: `dgram` makes a call, a buffer of 64 KB and an object of each, which is a
 * quarter of what a short answer costs. Says nothing of its own when there is something to read: whoever reads the same
 * socket by `dgram`, too, looks here after each of its messages. Owns its descriptor.
 */
export class DatagramBatch implements Disposable {
  readonly #fd: number
  readonly #out: Slots
  readonly #onFull: Take
  readonly #call: typeof call
  #waiting = 0
  #isRefused = false
  #isOpen = true

  constructor(fd: number, options: BatchOptions = {}) {
    this.#fd = fd
    this.#out = new Slots(slots, options.longest ?? 1_472, options.isConnected !== true)
    this.#onFull = options.onFull ?? (() => undefined)
    this.#call = options.libc ?? call
  }

  /**
   * Gives what is there to `take`, one after the other, at most 32, without waiting; the number of them. Undefined for an
   * error of the socket (the answer of an ICMP message), which is told once and then gone.
   */
  receive(take: Take): number | undefined {
    if (!this.#isOpen) return 0
    incoming ??= new Slots(slots, inBytes, true)
    const outcome = this.#call('recvmmsg', this.#fd, incoming.memory, slots, MSG_DONTWAIT, null)
    if ('errno' in outcome) return outcome.errno === 'EAGAIN' ? 0 : undefined
    for (let slot = 0; slot < outcome.value; slot += 1) incoming.give(slot, incoming.arrived(slot), take)
    return outcome.value
  }

  /**
   * Takes a copy for the next `flush()`; false when it is too long, or not for an IPv4 address. On a connected socket
   * without address and port.
   */
  send(message: Uint8Array, address = nobody, port = 0): boolean {
    if (!this.#isOpen || !this.#out.put(this.#waiting, message, address, port)) return false
    this.#waiting += 1
    if (this.#waiting === slots) this.#send()
    return true
  }

  /**
   * Sends what waits. What the kernel refuses (EPERM, or ECONNREFUSED for an ICMP message that came) or cannot route is lost, as
   * datagrams are; it is false when that befell one since the last time.
   */
  flush(): boolean {
    this.#send()
    const isSent = !this.#isRefused
    this.#isRefused = false
    return isSent
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#send()
    this.#isOpen = false
    closeSync(this.#fd)
  }

  #send(): void {
    const count = this.#waiting
    this.#waiting = 0
    for (let at = 0; this.#isOpen && at < count;) {
      const outcome = this.#call('sendmmsg', this.#fd, this.#out.from(at), count - at, MSG_DONTWAIT)
      if ('value' in outcome) {
        at += outcome.value
      } else if (outcome.errno === 'EAGAIN' || outcome.errno === 'ENOBUFS') {
        for (; at < count; at += 1) this.#out.give(at, this.#out.length(at), this.#onFull)
      } else {
        // It is about the first that is left.
        this.#isRefused = true
        at += 1
      }
    }
  }
}

/**
 * A socket connected to an IPv4 address, from a port that the kernel draws: its descriptor for `dgram`, which owns it from there
 * on, and its batch. Undefined for other addresses, and where it cannot be connected.
 */
export function connectDatagrams(
  rawAddress: string,
  rawPort: number,
): { readonly fd: number; readonly batch: DatagramBatch } | undefined {
  const address = parseAddress(rawAddress)
  const port = parsePort(rawPort)
  if (address === undefined || familyOf(address) !== 4 || port === undefined) return undefined
  try {
    using opening = new DisposableStack()
    const fd = opening.adopt(connectedUdpSocket(address, port), closeSync)
    const batch = new DatagramBatch(duplicate(fd), { isConnected: true, longest: questionBytes })
    opening.move()
    return { fd, batch }
  } catch (cause) {
    if (cause instanceof GatewayError) return undefined
    throw cause
  }
}

const nobody = '0.0.0.0'
/** The longest name makes a question to a resolver of 282 bytes. */
const questionBytes = 512

/** One for all sockets: each gives all that it has taken before anything else runs. */
let incoming: Slots | undefined

/*
 * struct mmsghdr (include/linux/socket.h, 64 bytes on 64-bit machines) holds a struct msghdr (0 name, 8 its length, 16 iovec,
 * 24 count, 32 control, 40 its length, 48 flags) and at 56 the length of the message; then come all struct iovec (16 bytes:
 * base, length), all struct sockaddr_in (16: family, port, address), all messages.
 */
const headBytes = 64
const vectorBytes = 16
const nameBytes = 16

/** Memory that the kernel reads and writes, as 32-bit words of a little-endian machine, which all that Node 24 runs on are. */
class Slots {
  readonly memory: Buffer
  readonly #words: Uint32Array
  readonly #vectors: number
  readonly #names: number
  readonly #data: number
  readonly #bytes: number
  /** The last address as text and as a word: nearly always it is the same job's. */
  #text = nobody
  #word = 0

  /** `isNamed`: with the address of each message. */
  constructor(count: number, bytes: number, isNamed: boolean) {
    this.#vectors = count * headBytes
    this.#names = this.#vectors + count * vectorBytes
    this.#data = this.#names + count * nameBytes
    this.#bytes = bytes
    const { memory, base } = pinned(this.#data + count * bytes)
    this.memory = memory
    this.#words = new Uint32Array(memory.buffer)
    for (let slot = 0; slot < count; slot += 1) {
      const head = slot * headBytes
      const vector = this.#vectors + slot * vectorBytes
      const name = this.#names + slot * nameBytes
      if (isNamed) memory.writeBigUInt64LE(base + BigInt(name), head)
      if (isNamed) memory.writeUInt32LE(nameBytes, head + 8)
      memory.writeBigUInt64LE(base + BigInt(vector), head + 16)
      memory.writeUInt32LE(1, head + 24)
      memory.writeBigUInt64LE(base + BigInt(this.#data + slot * bytes), vector)
      memory.writeUInt32LE(bytes, vector + 8)
      memory.writeUInt16LE(AF_INET, name)
    }
  }

  /** The heads from `slot` on. */
  from(slot: number): Buffer {
    return slot === 0 ? this.memory : this.memory.subarray(slot * headBytes)
  }

  /** Writes a message that is to be sent; false when it does not fit. */
  put(slot: number, message: Uint8Array, address: string, port: number): boolean {
    if (message.length > this.#bytes || (address !== this.#text && !this.#learn(address))) return false
    const name = (this.#names + slot * nameBytes) >> 2
    this.#words[name] = AF_INET | (swap(port) << 16)
    this.#words[name + 1] = this.#word
    this.#words[(this.#vectors + slot * vectorBytes + 8) >> 2] = message.length
    this.memory.set(message, this.#data + slot * this.#bytes)
    return true
  }

  /** Bytes that were written to `slot`. */
  length(slot: number): number {
    return this.#words[(this.#vectors + slot * vectorBytes + 8) >> 2] ?? 0
  }

  /** Bytes that the kernel wrote to `slot`. */
  arrived(slot: number): number {
    return this.#words[(slot * headBytes + 56) >> 2] ?? 0
  }

  /** Gives a copy of the `length` bytes in `slot`, and who they are from or for. */
  give(slot: number, length: number, take: Take): void {
    const name = (this.#names + slot * nameBytes) >> 2
    const start = this.#data + slot * this.#bytes
    const message = Buffer.allocUnsafe(length)
    message.set(this.memory.subarray(start, start + length))
    take(message, this.#address(this.#words[name + 1] ?? 0), swap((this.#words[name] ?? 0) >>> 16))
  }

  #learn(text: string): boolean {
    const address = parseAddress(text)
    const bytes = address === undefined ? [] : bytesOf(address)
    const [a, b, c, d] = bytes
    if (bytes.length !== 4 || a === undefined || b === undefined || c === undefined || d === undefined) return false
    this.#text = text
    this.#word = (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
    return true
  }

  #address(word: number): string {
    if (word === this.#word) return this.#text
    this.#text = addressFromBytes([0, 8, 16, 24].map(shift => (word >>> shift) & 255)) ?? ''
    this.#word = word
    return this.#text
  }
}

/** A port between network order and ours. */
function swap(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8)
}
