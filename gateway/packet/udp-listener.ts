import { closeSync } from 'node:fs'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import { call, must, pinned } from './libc.ts'
import { decodeSocketAddress, type SocketAddress, transparentUdpListener } from './sockets.ts'

// include/uapi/asm-generic/fcntl.h
const F_GETFL = 3
const F_SETFL = 4
const F_SETOWN = 8
const O_ASYNC = 0o20000
// include/linux/socket.h
const MSG_DONTWAIT = 0x40
// include/uapi/linux/in.h: the kernel's answer to IP_RECVORIGDSTADDR
const SOL_IP = 0
const IP_ORIGDSTADDR = 20

/** One datagram of the job, and both of its ends. */
export interface Datagram {
  readonly source: SocketAddress
  /** Where the job meant it to go. */
  readonly destination: SocketAddress
  readonly data: Buffer
}

/** A UDP listener that sees where each datagram was meant to go, which `dgram` cannot. */
export interface UdpListener extends Disposable {
  readonly port: Port
}

/** Most datagrams taken in one go, so that a flood of them leaves time for everything else. */
const batch = 64

/**
 * Opens the listener behind TPROXY on `address`. The kernel tells of datagrams by SIGIO (signal-driven I/O, socket(7)),
 * which costs no thread: measured, it is as fast as a thread that waits in `recvmsg`, of which Node has only four.
 * @throws GatewayError SOCKET_FAILED
 */
export function openUdpListener(address: Address, receive: (datagram: Datagram) => void): UdpListener {
  const { fd, port } = transparentUdpListener(address)
  const closing = new AbortController()
  let scheduled: NodeJS.Immediate | undefined
  const drain = (): void => {
    scheduled = undefined
    for (let taken = 0; !closing.signal.aborted && taken < batch; taken += 1) {
      const next = receiveOne(fd)
      if (next === 'none') return
      if (next !== 'unreadable') receive(next)
    }
    scheduled ??= closing.signal.aborted ? undefined : setImmediate(drain)
  }
  const wake = (): void => {
    scheduled ??= setImmediate(drain)
  }
  listeners.add(wake)
  listenForSignal()
  // A signal that found its pipe full is made up for here.
  const fallback = setInterval(wake, 1_000).unref()
  const close = (): void => {
    if (closing.signal.aborted) return
    closing.abort()
    listeners.delete(wake)
    clearInterval(fallback)
    if (scheduled !== undefined) clearImmediate(scheduled)
    closeSync(fd)
  }
  try {
    // The handler stands before the first signal can come: unhandled, SIGIO ends the process.
    must('listen for UDP', 'fcntl', fd, F_SETOWN, process.pid)
    must('listen for UDP', 'fcntl', fd, F_SETFL, must('listen for UDP', 'fcntl', fd, F_GETFL, 0) | O_ASYNC)
  } catch (cause) {
    close()
    throw cause
  }
  return { port, [Symbol.dispose]: close }
}

const listeners = new Set<() => void>()
let isListening = false

/** Installed once and never removed: a signal may be under way when the last listener closes. It keeps nothing alive. */
function listenForSignal(): void {
  if (isListening) return
  isListening = true
  process.on('SIGIO', () => {
    for (const wake of listeners) wake()
  })
}

/*
 * struct msghdr (56 bytes) and struct iovec (16), include/linux/socket.h and include/uapi/linux/uio.h, 64-bit:
 *   0 name, 8 its length, 16 iovec, 24 count, 32 control, 40 its length, 48 flags.
 * One piece of memory holds them and what they point at. It is shared: `recvmsg` returns before anything else runs.
 */
const at = { message: 0, name: 64, iovec: 96, control: 128, data: 256 } as const
const maxDatagram = 65_535
const controlLength = 64
const { memory, base } = pinned(at.data + maxDatagram)

function receiveOne(fd: number): Datagram | 'none' | 'unreadable' {
  memory.fill(0, 0, at.data)
  memory.writeBigUInt64LE(base + BigInt(at.name), 0)
  memory.writeUInt32LE(16, 8)
  memory.writeBigUInt64LE(base + BigInt(at.iovec), 16)
  memory.writeBigUInt64LE(1n, 24)
  memory.writeBigUInt64LE(base + BigInt(at.control), 32)
  memory.writeBigUInt64LE(BigInt(controlLength), 40)
  memory.writeBigUInt64LE(base + BigInt(at.data), at.iovec)
  memory.writeBigUInt64LE(BigInt(maxDatagram), at.iovec + 8)
  const outcome = call('recvmsg', fd, memory, MSG_DONTWAIT)
  // Any other error is one of the socket (an ICMP answer), told once and then gone.
  if ('errno' in outcome) return outcome.errno === 'EAGAIN' ? 'none' : 'unreadable'
  const source = decodeSocketAddress(memory.subarray(at.name, at.name + 16))
  const destination = originalDestination(Number(memory.readBigUInt64LE(40)))
  if (source === undefined || destination === undefined) return 'unreadable'
  return { source, destination, data: Buffer.from(memory.subarray(at.data, at.data + outcome.value)) }
}

/** struct cmsghdr (include/linux/socket.h): length at 0 (8 bytes), level at 8, type at 12, data from 16; padded to 8. */
function originalDestination(length: number): SocketAddress | undefined {
  for (let offset = at.control; offset + 16 <= at.control + length;) {
    const size = Number(memory.readBigUInt64LE(offset))
    if (size < 16) return undefined
    if (memory.readInt32LE(offset + 8) === SOL_IP && memory.readInt32LE(offset + 12) === IP_ORIGDSTADDR) {
      return decodeSocketAddress(memory.subarray(offset + 16, offset + 32))
    }
    offset += (size + 7) & ~7
  }
  return undefined
}
