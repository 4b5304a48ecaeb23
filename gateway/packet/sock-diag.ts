import { closeSync } from 'node:fs'
import { GatewayError } from '../errors.ts'
import { type Address, bytesOf } from '../net/address.ts'
import type { SocketAddress } from './sockets.ts'
import { call, must } from './libc.ts'
import type { NetworkNamespace } from './namespace.ts'

// include/linux/socket.h, include/uapi/linux/netlink.h, include/uapi/linux/sock_diag.h
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const NLM_F_DUMP = 0x300
const NLMSG_DONE = 3
const MSG_DONTWAIT = 0x40

const protocols = { tcp: 6, udp: 17 } as const
const anyState = 0xffffffff

/** Who owns a socket, as the kernel knows it. */
export interface SocketOwner {
  /** As in `/proc/PID/fd`: `socket:[INODE]`. */
  readonly inode: number
  readonly uid: number
}

/** The sockets of one network namespace. */
export interface SocketTable extends Disposable {
  /**
   * The socket that `local` talks to `remote` with; takes some microseconds, does not wait. Undefined when there is none,
   * when it is only a remnant without a process, or when two sockets share the port so that nobody can tell.
   */
  find(transport: 'tcp' | 'udp', local: SocketAddress, remote: SocketAddress): SocketOwner | undefined
}

/**
 * Opens the socket table of a namespace (NETLINK_SOCK_DIAG).
 * @throws GatewayError SOCKET_FAILED
 */
export function openSocketTable(namespace: NetworkNamespace): SocketTable {
  const fd = namespace.run(() =>
    must('open the socket table', 'socket', AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_SOCK_DIAG),
  )
  let isOpen = true
  return {
    find(transport, local, remote) {
      if (!isOpen) return undefined
      // For UDP the kernel's exact look-up has source and destination swapped (net/ipv4/udp_diag.c, udp_dump_one).
      const [first, second] = transport === 'tcp' ? [local, remote] : [remote, local]
      const found = ask(fd, request(transport, NLM_F_REQUEST, AF_INET, first, second)).at(0)
      // A TCP look-up falls back to a listener, and a UDP one to an unconnected socket: neither is this very flow.
      const isExact = found?.localPort === local.port && found.remotePort === remote.port
      if (found !== undefined && isExact) return owner(found)
      return transport === 'tcp' ? undefined : soleOwner(fd, local, remote)
    },
    [Symbol.dispose]() {
      if (!isOpen) return
      isOpen = false
      closeSync(fd)
    },
  }
}

/**
 * The one UDP socket that can have sent from `local`: unconnected, or connected to that port of another address (a DNS
 * question whose destination was rewritten). With SO_REUSEPORT there may be more, and then nobody knows.
 */
function soleOwner(fd: number, local: SocketAddress, remote: SocketAddress): SocketOwner | undefined {
  const own = bytesOf(local.address)
  const candidates = [AF_INET, AF_INET6]
    .flatMap(family => ask(fd, request('udp', NLM_F_REQUEST | NLM_F_DUMP, family, { port: local.port })))
    .filter(({ address }) => address.every(byte => byte === 0) || own.every((byte, index) => byte === address[index]))
    .filter(({ remotePort }) => remotePort === 0 || remotePort === remote.port)
  const [only, another] = candidates
  return only === undefined || another !== undefined ? undefined : owner(only)
}

/** Without an inode it is a remnant (TIME_WAIT) that no process holds. */
function owner({ inode, uid }: FoundSocket): SocketOwner | undefined {
  return inode === 0 ? undefined : { inode, uid }
}

interface FoundSocket extends SocketOwner {
  /** Local IPv4 address, 4 bytes; all zero for any. */
  readonly address: Uint8Array
  readonly localPort: number
  readonly remotePort: number
}

/** struct nlmsghdr (16 bytes) and struct inet_diag_req_v2 (56 bytes), include/uapi/linux/{netlink,inet_diag}.h. */
function request(
  transport: 'tcp' | 'udp',
  flags: number,
  family: number,
  source: { readonly address?: Address; readonly port: number },
  destination?: SocketAddress,
): Buffer {
  const message = Buffer.alloc(72)
  message.writeUInt32LE(message.length, 0)
  message.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  message.writeUInt16LE(flags, 6)
  message[16] = family
  message[17] = protocols[transport]
  message.writeUInt32LE(anyState, 20)
  // struct inet_diag_sockid: ports, addresses of 16 bytes, interface, cookie; all ones = no cookie.
  message.writeUInt16BE(source.port, 24)
  message.writeUInt16BE(destination?.port ?? 0, 26)
  if (source.address !== undefined) message.set(bytesOf(source.address).slice(0, 4), 28)
  if (destination !== undefined) message.set(bytesOf(destination.address).slice(0, 4), 44)
  message.fill(0xff, 64, 72)
  return message
}

const answer = Buffer.alloc(32_768)

function ask(fd: number, message: Buffer): readonly FoundSocket[] {
  must('ask for a socket', 'send', fd, message, message.length, 0)
  const found: FoundSocket[] = []
  // The kernel has queued the first part before `send` returns, and each further part while the one before is read.
  for (;;) {
    const outcome = call('recv', fd, answer, answer.length, MSG_DONTWAIT)
    if ('errno' in outcome) {
      if (outcome.errno === 'EAGAIN') return found
      throw new GatewayError('SOCKET_FAILED', `read the socket table: ${outcome.errno}`, {
        details: { errno: outcome.errno },
      })
    }
    if (!readMessages(answer.subarray(0, outcome.value), found)) return found
  }
}

/** Reads one datagram of answers into `found`; false when it was the last. */
function readMessages(datagram: Buffer, found: FoundSocket[]): boolean {
  let more = false
  for (let at = 0; at + 16 <= datagram.length;) {
    const length = datagram.readUInt32LE(at)
    const type = datagram.readUInt16LE(at + 4)
    const multipart = (datagram.readUInt16LE(at + 6) & 2) !== 0
    if (length < 16 || at + length > datagram.length) return false
    // struct inet_diag_msg behind the header: state, struct inet_diag_sockid at 4, uid at 64, inode at 68.
    if (type === SOCK_DIAG_BY_FAMILY && length >= 88) {
      const local = datagram.subarray(at + 24, at + 40)
      found.push({
        // IPv4 stands in front; in an IPv6 socket the mapped address stands at the end.
        address: Uint8Array.from(datagram[at + 16] === AF_INET ? local.subarray(0, 4) : local.subarray(12)),
        localPort: datagram.readUInt16BE(at + 20),
        remotePort: datagram.readUInt16BE(at + 22),
        uid: datagram.readUInt32LE(at + 80),
        inode: datagram.readUInt32LE(at + 84),
      })
    }
    if (type === NLMSG_DONE) return false
    more ||= multipart
    at += (length + 3) & ~3
  }
  return more
}
