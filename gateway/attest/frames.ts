import { type Address, bytesOf, parseAddress } from '../net/address.ts'

/** Types of Ethernet frames. */
export const etherTypes = { ip: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const
/** Numbers of IP protocols (IANA) that no rule can allow. */
export const ipProtocols = {
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  sctp: 132,
  udplite: 136,
} as const

const icmpUnreachable = 3

/** An Ethernet frame. Pure. */
export function ethernet(to: Buffer, from: Buffer, type: number, payload: Buffer): Buffer {
  return Buffer.concat([to, from, uint16(type), payload])
}

/** An IPv4 packet (RFC 791). `fragment`: the 16 bits of flags and offset. Pure. */
export function ipv4(
  protocol: number,
  {
    source,
    destination,
    hops = 64,
    fragment = 0,
  }: {
    readonly source: Address
    readonly destination: Address
    readonly hops?: number
    readonly fragment?: number
  },
  payload: Buffer,
): Buffer {
  const head = Buffer.concat([
    Buffer.from([0x45, 0]),
    uint16(20 + payload.length),
    uint16(0x7467),
    uint16(fragment),
    Buffer.from([hops, protocol, 0, 0, ...bytesOf(source), ...bytesOf(destination)]),
  ])
  uint16(checksum(head)).copy(head, 10)
  return Buffer.concat([head, payload])
}

/** A UDP datagram without a checksum, which IPv4 allows. Pure. */
export function udp(from: number, to: number, payload: Buffer): Buffer {
  return Buffer.concat([uint16(from), uint16(to), uint16(8 + payload.length), uint16(0), payload])
}

/** An ICMP message (RFC 792). Pure. */
export function icmp(type: number, rest: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), rest])
  uint16(checksum(message)).copy(message, 2)
  return message
}

/** An IPv6 packet with an ICMPv6 echo request (RFC 4443), whose checksum covers the addresses too. Pure. */
export function echo6(source: Address, destination: Address, hops: number): Buffer {
  const ends = Buffer.from([...bytesOf(source), ...bytesOf(destination)])
  const message = Buffer.from([128, 0, 0, 0, 0x74, 0x67, 0, 1])
  uint16(checksum(Buffer.concat([ends, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58]), message]))).copy(message, 2)
  return Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, hops]), ends, message])
}

/** An ARP request (RFC 826): who has `target`? Pure. */
export function arpRequest(mac: Buffer, source: Address, target: Address): Buffer {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1])
  return Buffer.concat([head, mac, Buffer.from(bytesOf(source)), Buffer.alloc(6), Buffer.from(bytesOf(target))])
}

/** What a frame says about a packet that was sent to `target`; undefined when it is about something else. Pure. */
export function answerTo(frame: Buffer, target: Address): 'refused' | 'answered' | 'passed on' | undefined {
  if (frame.length < 34 || frame.readUInt16BE(12) !== etherTypes.ip) return undefined
  const packet = frame.subarray(14)
  const payload = packet.subarray(((packet[0] ?? 0) & 15) * 4)
  const source = dotted(packet, 12)
  if (packet[9] !== ipProtocols.icmp) return source === target ? 'answered' : undefined
  const type = payload[0]
  const isError = type === icmpUnreachable || type === 5 || type === 11 || type === 12
  if (!isError) return source === target ? 'answered' : undefined
  // An ICMP error quotes what it is about.
  if (payload.length < 28 || dotted(payload.subarray(8), 16) !== target) return undefined
  return type === icmpUnreachable ? 'refused' : 'passed on'
}

/** Is it an answer by IPv6 of any kind but the announcements that every card makes? Pure. */
export function answersIn6(frame: Buffer): boolean {
  if (frame.length < 55 || frame.readUInt16BE(12) !== etherTypes.ipv6) return false
  // ICMPv6: errors are below 128, an echo reply is 129; listeners and neighbours begin at 130.
  return frame[20] === 58 && (frame[54] ?? 255) <= 129
}

/** Is it an ARP reply that says who has `target`? Pure. */
export function ownsInArp(frame: Buffer, target: Address): boolean {
  if (frame.length < 42 || frame.readUInt16BE(12) !== etherTypes.arp) return false
  return frame.readUInt16BE(20) === 2 && dotted(frame, 28) === target
}

function dotted(bytes: Buffer, at: number): Address | undefined {
  return parseAddress([...bytes.subarray(at, at + 4)].join('.'))
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)])
  let sum = 0
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
