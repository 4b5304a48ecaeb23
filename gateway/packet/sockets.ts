import { closeSync } from 'node:fs'
import { type Address, addressFromBytes, bytesOf } from '../net/address.ts'
import { type Port, parsePort } from '../net/port.ts'
import { GatewayError } from '../errors.ts'
import { must, pinned } from './libc.ts'

// include/linux/socket.h, include/linux/net.h (asm-generic values; the same on x86-64 and arm64)
const AF_INET = 2
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
// include/uapi/asm-generic/socket.h
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_SNDBUF = 7
const SO_RCVBUF = 8
// include/uapi/linux/in.h
const SOL_IP = 0
const IP_TRANSPARENT = 19
const IP_RECVORIGDSTADDR = 20
// include/uapi/linux/netfilter_ipv4.h
// include/uapi/asm-generic/fcntl.h
const F_DUPFD_CLOEXEC = 1030

/** One end of a flow: an IPv4 address and a port. */
export interface SocketAddress {
  readonly address: Address
  readonly port: Port
}

/** A file descriptor that the kernel has bound to `port`; whoever receives it closes it, or hands it to Node, which does. */
export interface BoundSocket {
  readonly fd: number
  readonly port: Port
}

/**
 * A TCP socket bound to `address` and `port` (0 = any), with IP_TRANSPARENT: TPROXY may hand it connections that were
 * meant for any address, and `address` need not exist yet. Give the descriptor to `server.listen({ fd })`, which makes it
 * listen; accepted connections then have the meant destination as their local address.
 * @throws GatewayError SOCKET_FAILED
 */
export function transparentListener(address: Address, port: Port | 0): BoundSocket {
  return boundSocket(SOCK_STREAM, address, port, [[SOL_SOCKET, SO_REUSEADDR, 1]])
}

/**
 * The same for UDP, and every datagram carries where it was meant to go (IP_RECVORIGDSTADDR), for `recvmsg`.
 * @throws GatewayError SOCKET_FAILED
 */
export function transparentUdpListener(address: Address): BoundSocket {
  return boundSocket(SOCK_DGRAM, address, 0, [
    [SOL_IP, IP_RECVORIGDSTADDR, 1],
    [SOL_SOCKET, SO_RCVBUF, 1_048_576],
  ])
}

/**
 * A UDP socket bound to an address that need not be ours, for `dgram`'s `bind({ fd })`: what it sends comes from there. Those
 * of one port can share it; a port that the kernel chooses (0) is nobody else's.
 * @throws GatewayError SOCKET_FAILED
 */
export function transparentUdpSocket(address: Address, port: Port | 0): BoundSocket {
  // Among UDP sockets with this option the kernel may choose a port twice (net/ipv4/udp.c), and the later one hears everything.
  return boundSocket(SOCK_DGRAM, address, port, port === 0 ? [] : [[SOL_SOCKET, SO_REUSEADDR, 1]])
}

function boundSocket(
  type: number,
  address: Address,
  port: Port | 0,
  options: readonly (readonly [level: number, name: number, value: number])[],
): BoundSocket {
  const what = `listen on ${address}:${port}`
  const fd = must(what, 'socket', AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  try {
    const all = [[SOL_IP, IP_TRANSPARENT, 1] as const, ...options]
    for (const [level, name, value] of all) must(what, 'setsockopt', fd, level, name, int32(value), 4)
    const wanted = encodeSocketAddress(address, port)
    must(what, 'bind', fd, wanted, wanted.length)
    return { fd, port: boundPort(fd) }
  } catch (cause) {
    closeSync(fd)
    throw cause
  }
}

/** A TCP or UDP socket, neither bound nor connected, made in the network namespace this thread is in. */
export function plainSocket(transport: 'tcp' | 'udp'): number {
  const type = transport === 'tcp' ? SOCK_STREAM : SOCK_DGRAM
  return must('open a socket', 'socket', AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
}

/**
 * A UDP socket that is connected to `address`: the kernel draws its port, and drops what comes from elsewhere.
 * @throws GatewayError SOCKET_FAILED
 */
export function connectedUdpSocket(address: Address, port: Port): number {
  const what = `connect to ${address}:${port}`
  const fd = plainSocket('udp')
  try {
    for (const name of [SO_RCVBUF, SO_SNDBUF]) must(what, 'setsockopt', fd, SOL_SOCKET, name, int32(1_048_576), 4)
    const wanted = encodeSocketAddress(address, port)
    must(what, 'connect', fd, wanted, wanted.length)
    return fd
  } catch (cause) {
    closeSync(fd)
    throw cause
  }
}

// include/uapi/linux/sockios.h
const SIOCGIFHWADDR = 0x8927
const SIOCETHTOOL = 0x8946
// include/uapi/linux/ethtool.h
const ETHTOOL_GLINK = 0x0a

/**
 * Does the device of this thread's namespace carry what it is given? The kernel takes note of a carrier in its own time
 * (net/core/link_watch.c), and drops what is sent before; to be asked this way makes it do so first.
 * @throws GatewayError SOCKET_FAILED when it is gone
 */
export function hasCarrier(device: string): boolean {
  // struct ethtool_value: the command, then the answer.
  const { memory, base } = pinned(8)
  memory.writeUInt32LE(ETHTOOL_GLINK, 0)
  const pointer = Buffer.alloc(8)
  pointer.writeBigUInt64LE(base)
  askDevice(device, SIOCETHTOOL, pointer)
  return memory.readUInt32LE(4) === 1
}

/** The hardware address of a device of this thread's namespace, as `02:00:5e:10:00:01`. @throws GatewayError SOCKET_FAILED when it is gone */
export function hardwareAddressOf(device: string): string {
  // A struct sockaddr: its family (2 bytes), then the address.
  const bytes = askDevice(device, SIOCGIFHWADDR).subarray(18, 24)
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** struct ifreq, include/uapi/linux/if.h: a name of 16 bytes, argument and answer at 16; 40 bytes. */
function askDevice(device: string, question: number, argument: Uint8Array = new Uint8Array()): Buffer {
  const fd = plainSocket('udp')
  try {
    const request = Buffer.alloc(40)
    request.write(device, 0, 15, 'latin1')
    request.set(argument, 16)
    must(`look at ${device}`, 'ioctl', fd, question, request)
    return request
  } finally {
    closeSync(fd)
  }
}

/** A second descriptor of the same socket. The caller closes it. @throws GatewayError SOCKET_FAILED */
export function duplicate(fd: number): number {
  return must('duplicate a descriptor', 'fcntl', fd, F_DUPFD_CLOEXEC, 0)
}

function boundPort(fd: number): Port {
  const value = Buffer.alloc(sockaddrLength)
  must('read the port', 'getsockname', fd, value, int32(value.length))
  const bound = decodeSocketAddress(value)
  if (bound !== undefined) return bound.port
  throw new GatewayError('SOCKET_FAILED', 'the kernel gave a socket no port', { details: { call: 'getsockname' } })
}

/** struct sockaddr_in, include/uapi/linux/in.h: family (host order), port and address (network order), 8 bytes of padding. */
const sockaddrLength = 16

/** A struct sockaddr_in of an IPv4 address. Pure. */
export function encodeSocketAddress(address: Address, port: number): Buffer {
  const value = Buffer.alloc(sockaddrLength)
  value.writeUInt16LE(AF_INET, 0)
  value.writeUInt16BE(port, 2)
  value.set(bytesOf(address).slice(0, 4), 4)
  return value
}

/** Reads a struct sockaddr_in; undefined for another family or for port 0. */
export function decodeSocketAddress(value: Buffer): SocketAddress | undefined {
  if (value.length < sockaddrLength || value.readUInt16LE(0) !== AF_INET) return undefined
  const address = addressFromBytes(value.subarray(4, 8))
  const port = parsePort(value.readUInt16BE(2))
  return address === undefined || port === undefined ? undefined : { address, port }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
