import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { jobDevice } from '../packet/job-device.ts'
import { call } from '../packet/libc.ts'
import { parseAddress } from '../net/address.ts'
import { encodeSocketAddress } from '../packet/sockets.ts'
import { skipped, type Finding } from './case.ts'
import type { TcpOutcome } from './tcp.ts'

/** What is odd about a connection. */
export interface MarkedTcp {
  /** SO_MARK. */
  readonly mark?: number
  /** Tied to the job's device, SO_BINDTODEVICE. */
  readonly device?: true
  /** User that the socket belongs to. */
  readonly uid?: number
  /** Of the socket, include/uapi/linux/in.h. */
  readonly protocol?: number
}

// include/linux/socket.h, include/linux/net.h, include/uapi/asm-generic/socket.h
const AF_INET = 2
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const SO_MARK = 36
const MSG_NOSIGNAL = 0x4000
/** Number of `setfsuid`: a socket belongs to whom the file system takes its maker for. */
const setfsuid: Readonly<Record<string, number>> = { x64: 122, arm64: 151 }
const patienceMs = 2_500
const lookEveryMs = 10

/** A TCP connection by the C library, for what Node cannot set; skipped where the kernel does not let us set it either. */
export async function talkMarked(
  how: MarkedTcp,
  host: string,
  port: number,
  text: string,
  signal: AbortSignal,
): Promise<TcpOutcome | Finding> {
  const address = parseAddress(host)
  if (address === undefined) throw new TypeError(`not an address: ${host}`)
  const made = makeSocket(how)
  if ('kind' in made) return made
  const { fd } = made
  try {
    return await converse(fd, encodeSocketAddress(address, port), Buffer.from(text, 'latin1'), signal)
  } finally {
    closeSync(fd)
  }
}

function makeSocket({ mark, device, uid, protocol = 0 }: MarkedTcp): { readonly fd: number } | Finding {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const make = (): ReturnType<typeof call> => call('socket', AF_INET, type, protocol)
  const made = uid === undefined ? make() : asUser(uid, make)
  if (made === undefined) return skipped('only root may be another user')
  if ('errno' in made) return skipped(`the kernel makes no such socket: ${made.errno}`)
  const fd = made.value
  const options: readonly (readonly [name: number, value: Buffer])[] = [
    ...(mark === undefined ? [] : [[SO_MARK, int32(mark)] as const]),
    ...(device === undefined ? [] : [[SO_BINDTODEVICE, Buffer.from(`${jobDevice}\0`)] as const]),
  ]
  for (const [name, value] of options) {
    const set = call('setsockopt', fd, SOL_SOCKET, name, value, value.length)
    if ('value' in set) continue
    closeSync(fd)
    return skipped(`the kernel does not let this user set that: ${set.errno}`)
  }
  return { fd }
}

/** Does something as another user for the file system; undefined when this one may not be it. */
function asUser<Result>(uid: number, action: () => Result): Result | undefined {
  const number = setfsuid[process.arch]
  if (number === undefined) return undefined
  // The call tells who one was before; asked for nobody there can be, it changes nothing and tells who one is.
  const set = (id: number | bigint): number => {
    const outcome = call('syscall', number, id, 0, null)
    return 'value' in outcome ? outcome.value : -1
  }
  const before = set(uid)
  try {
    return set(0xffff_ffffn) === uid ? action() : undefined
  } finally {
    set(before)
  }
}

async function converse(fd: number, to: Buffer, text: Buffer, signal: AbortSignal): Promise<TcpOutcome> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  let connected = false
  let isSaid = false
  const room = Buffer.alloc(4_096)
  while (!limit.aborted) {
    if (!connected) {
      const tried = call('connect', fd, to, to.length)
      if ('value' in tried || tried.errno === 'EISCONN') connected = true
      else if (tried.errno !== 'EINPROGRESS' && tried.errno !== 'EALREADY')
        return { connected, heard: '', ending: tried.errno }
    }
    if (connected && !isSaid) {
      const sent = call('send', fd, text, text.length, MSG_NOSIGNAL)
      if ('errno' in sent && sent.errno !== 'EAGAIN') return { connected, heard: '', ending: sent.errno }
      isSaid = 'value' in sent
    }
    if (isSaid) {
      const got = call('recv', fd, room, room.length, 0)
      if ('value' in got) return { connected, heard: room.subarray(0, got.value).toString('latin1'), ending: 'end' }
      if (got.errno !== 'EAGAIN') return { connected, heard: '', ending: got.errno }
    }
    await delay(lookEveryMs)
  }
  return { connected, heard: '', ending: 'silence' }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
