import { addressText } from '../address-bytes.ts'
import type { Frame } from './pcap.ts'

/** What a packet is; `ip` is any other IP protocol (see `ipProtocol`), `link` anything that is not IP. */
export type PacketProtocol =
  | 'tcp'
  | 'udp'
  | 'icmp'
  | 'icmp6'
  | 'gre'
  | 'sctp'
  | 'esp'
  | 'ah'
  | 'ipip'
  | 'dccp'
  | 'udplite'
  | 'igmp'
  | 'ip'
  | 'arp'
  | 'link'

/** A captured packet, dissected as far as its port. */
export interface Packet {
  readonly timeMs: number
  readonly protocol: PacketProtocol
  readonly family: 4 | 6 | undefined
  /** Number of the IP protocol; `undefined` when it is not IP. */
  readonly ipProtocol: number | undefined
  readonly source: string
  readonly destination: string
  readonly sourcePort: number | undefined
  readonly destinationPort: number | undefined
  /** True for any part of a fragmented packet. */
  readonly fragment: boolean
  /** TCP flags, e.g. `S`, `SA`, `FA`; empty for anything else. */
  readonly flags: string
  /** What the transport carries, as far as it was captured. */
  readonly payload: Buffer
  /** The frame, as far as it was captured. */
  readonly bytes: Buffer
  readonly wireLength: number
}

const protocols: ReadonlyMap<number, PacketProtocol> = new Map([
  [1, 'icmp'],
  [2, 'igmp'],
  [4, 'ipip'],
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [41, 'ipip'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'icmp6'],
  [132, 'sctp'],
  [136, 'udplite'],
])
const withPorts: ReadonlySet<PacketProtocol> = new Set(['tcp', 'udp', 'sctp', 'dccp', 'udplite'])
const extensionHeaders: ReadonlySet<number> = new Set([0, 43, 60, 135])

/** Dissects a frame. Never throws: what cannot be read stays undefined. */
export function dissect(frame: Frame): Packet {
  const { bytes } = frame
  const etherType = bytes.length >= 14 ? bytes.readUInt16BE(12) : 0
  if (etherType === 0x0800 && bytes.length >= 34) return dissectV4(frame)
  if (etherType === 0x86dd && bytes.length >= 54) return dissectV6(frame)
  return {
    timeMs: frame.timeMs,
    protocol: etherType === 0x0806 ? 'arp' : 'link',
    family: undefined,
    ipProtocol: undefined,
    source: mac(bytes.subarray(6, 12)),
    destination: mac(bytes.subarray(0, 6)),
    sourcePort: undefined,
    destinationPort: undefined,
    fragment: false,
    flags: '',
    payload: bytes.subarray(14),
    bytes,
    wireLength: frame.wireLength,
  }
}

function dissectV4(frame: Frame): Packet {
  const ip = frame.bytes.subarray(14)
  const fragmentWord = ip.readUInt16BE(6)
  const end = ip.readUInt16BE(2) || ip.length
  const transport = ip.subarray(((ip[0] ?? 0) & 15) * 4, Math.max(end, 20))
  return finish(
    frame,
    4,
    ip[9] ?? 0,
    addressText(ip.subarray(12, 16)),
    addressText(ip.subarray(16, 20)),
    transport,
    (fragmentWord & 0x1fff) !== 0,
    (fragmentWord & 0x2000) !== 0,
  )
}

function dissectV6(frame: Frame): Packet {
  const ip = frame.bytes.subarray(14)
  const end = ip.readUInt16BE(4)
  let next = ip[6] ?? 59
  let rest = ip.subarray(40, end === 0 ? ip.length : 40 + end)
  let later = false
  let more = false
  for (let count = 0; count < 16 && rest.length >= 8; count += 1) {
    if (next === 44) {
      const word = rest.readUInt16BE(2)
      later ||= (word & 0xfff8) !== 0
      more ||= (word & 1) !== 0
      next = rest[0] ?? 59
      rest = rest.subarray(8)
    } else if (extensionHeaders.has(next)) {
      next = rest[0] ?? 59
      rest = rest.subarray(((rest[1] ?? 0) + 1) * 8)
    } else break
  }
  return finish(frame, 6, next, addressText(ip.subarray(8, 24)), addressText(ip.subarray(24, 40)), rest, later, more)
}

function finish(
  frame: Frame,
  family: 4 | 6,
  ipProtocol: number,
  source: string,
  destination: string,
  transport: Buffer,
  later: boolean,
  more: boolean,
): Packet {
  const protocol = protocols.get(ipProtocol) ?? 'ip'
  const ported = withPorts.has(protocol) && !later && transport.length >= 4
  const headerLength = later
    ? 0
    : protocol === 'tcp'
      ? ((transport[12] ?? 0x50) >> 4) * 4
      : protocol === 'sctp'
        ? 12
        : withPorts.has(protocol) || protocol.startsWith('icmp')
          ? 8
          : 0
  return {
    timeMs: frame.timeMs,
    protocol,
    family,
    ipProtocol,
    source,
    destination,
    sourcePort: ported ? transport.readUInt16BE(0) : undefined,
    destinationPort: ported ? transport.readUInt16BE(2) : undefined,
    fragment: later || more,
    flags: protocol === 'tcp' && !later ? tcpFlags(transport[13] ?? 0) : '',
    payload: transport.subarray(headerLength),
    bytes: frame.bytes,
    wireLength: frame.wireLength,
  }
}

function tcpFlags(bits: number): string {
  return ['F', 'S', 'R', 'P', 'A', 'U'].filter((_, index) => (bits & (1 << index)) !== 0).join('')
}

function mac(bytes: Uint8Array): string {
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** Which packets; every field given must hold. */
export interface PacketFilter {
  readonly protocol?: PacketProtocol
  readonly family?: 4 | 6
  readonly source?: string
  readonly destination?: string
  readonly port?: number
  /** The payload holds these bytes. */
  readonly contains?: string | Uint8Array
}

/** A filter as a predicate; none lets everything through. */
export function packetPredicate(
  filter: PacketFilter | ((packet: Packet) => boolean) | undefined,
): (packet: Packet) => boolean {
  if (typeof filter === 'function') return filter
  if (filter === undefined) return () => true
  const contains = filter.contains === undefined ? undefined : Buffer.from(filter.contains)
  return packet =>
    (filter.protocol === undefined || packet.protocol === filter.protocol) &&
    (filter.family === undefined || packet.family === filter.family) &&
    (filter.source === undefined || packet.source === filter.source) &&
    (filter.destination === undefined || packet.destination === filter.destination) &&
    (filter.port === undefined || packet.destinationPort === filter.port) &&
    (contains === undefined || packet.bytes.includes(contains))
}

/** One line for a failing test's diagnostics. */
export function describePacket(packet: Packet): string {
  const end = (address: string, port: number | undefined) =>
    port === undefined ? address : packet.family === 6 ? `[${address}]:${port}` : `${address}:${port}`
  const text = packet.payload
    .subarray(0, 48)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '.')
  return `${packet.protocol}${packet.protocol === 'ip' ? `(${packet.ipProtocol})` : ''} ${end(packet.source, packet.sourcePort)} > ${end(packet.destination, packet.destinationPort)} ${packet.flags} ${packet.wireLength} bytes ${text}`.trimEnd()
}
