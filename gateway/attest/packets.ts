import { networkInterfaces } from 'node:os'
import { type Address, parseAddress } from '../net/address.ts'
import { jobDevice } from '../packet/job-device.ts'
import { broken, held, skipped, type Case, type Finding, type Surroundings } from './case.ts'
import { freshName, question } from './dns.ts'
import {
  answersIn6,
  answerTo,
  arpRequest,
  echo6,
  ethernet,
  etherTypes,
  icmp,
  ipProtocols,
  ipv4,
  ownsInArp,
  udp,
} from './frames.ts'
import { openWireSocket, type WireSocket } from './wire-socket.ts'

const listenMs = 700
/** An echo's identifier and number. */
const echoRest = Buffer.from([0x74, 0x67, 0, 1])
const forwards =
  'something forwards packets of the job: the gateway never does. Who laid this wire, and is ip_forward 0 behind it?'
const answers =
  'the gateway’s packet filter does not hold: is its table loaded (`nft list tables`), and the wire its own?'

/** The two ends of the wire, and what is put on it. */
interface Wire {
  readonly socket: WireSocket
  readonly source: Address
  readonly gateway: Address
}

/**
 * What raw and packet sockets can do, which engines give to a build by default. Packets to elsewhere have one hop to live: a
 * wire's end that passed them on would say so (RFC 792, time exceeded), where a wall is silent.
 */
export function packetCases(around: Surroundings): readonly Case[] {
  return [...pings(around), ...protocols(around), ...fragments(around), ...others(around)]
}

type Head = Pick<Case, 'id' | 'sentence' | 'carriedInAudit'>

function wireCase(
  head: Head,
  around: Surroundings,
  action: (wire: Wire, signal: AbortSignal) => Promise<Finding>,
): Case {
  return {
    ...head,
    async try(signal) {
      const own = networkInterfaces()[jobDevice]?.find(({ family }) => family === 'IPv4')?.address
      const source = parseAddress(own ?? '')
      if (source === undefined) return broken(`${jobDevice} has no address`, 'is this the network of a job?')
      const socket = openWireSocket()
      if (typeof socket === 'string') return skipped(`this user has no packet sockets (${socket})`)
      using _ = socket
      return await action({ socket, source, gateway: around.gatewayAddress }, signal)
    },
  }
}

/** Each case its own address, so that answers are told apart. */
function elsewhere(host: number): Address {
  const address = parseAddress(`198.51.100.${host}`)
  if (address === undefined) throw new RangeError(`no such host: ${host}`)
  return address
}

function sendIp({ socket }: Wire, packet: Buffer): void {
  socket.send(ethernet(socket.gatewayMac, socket.ownMac, etherTypes.ip, packet))
}

/** Sends a packet that would have to be passed on, and listens for whoever did. */
async function sendAway(
  wire: Wire,
  { protocol, target, payload }: { readonly protocol: number; readonly target: Address; readonly payload: Buffer },
  signal: AbortSignal,
): Promise<Finding> {
  sendIp(wire, ipv4(protocol, { source: wire.source, destination: target, hops: 1 }, payload))
  const heard = await wire.socket.hear(frame => answerTo(frame, target), listenMs, signal)
  if (heard === undefined || heard === 'refused') return held
  return broken(`a packet to ${target} was ${heard}`, forwards)
}

/** Sends packets to the gateway itself, which a machine without our filter would answer. */
async function sendToGateway(wire: Wire, packets: readonly Buffer[], signal: AbortSignal): Promise<Finding> {
  for (const packet of packets) sendIp(wire, packet)
  const isAnswer = (frame: Buffer): true | undefined =>
    answerTo(frame, wire.gateway) === 'answered' && isAnswerTo(frame, packets[0]) ? true : undefined
  const heard = await wire.socket.hear(isAnswer, listenMs, signal)
  return heard === undefined ? held : broken(`the gateway’s end (${wire.gateway}) answered`, answers)
}

/** Other cases talk to the gateway at the same time: an answer has our protocol and ports, or is to our kind of ICMP. */
function isAnswerTo(frame: Buffer, sent: Buffer | undefined): boolean {
  const protocol = frame[23]
  if (sent === undefined || protocol !== sent[9]) return false
  if (protocol === ipProtocols.icmp) return frame[34] === (sent[20] === 8 ? 0 : 14)
  return frame.readUInt16BE(36) === sent.readUInt16BE(20)
}

/** Sends the gateway an ICMP message that asks for an answer. */
function askByIcmp(type: number, rest: Buffer): (wire: Wire, signal: AbortSignal) => Promise<Finding> {
  return (wire, signal) => {
    const ends = { source: wire.source, destination: wire.gateway }
    return sendToGateway(wire, [ipv4(ipProtocols.icmp, ends, icmp(type, rest))], signal)
  }
}

function pings(around: Surroundings): readonly Case[] {
  const timestamp = Buffer.concat([echoRest, Buffer.alloc(12)])
  return [
    wireCase(
      { id: 'N4', sentence: 'a ping of the gateway is not answered', carriedInAudit: true },
      around,
      askByIcmp(8, echoRest),
    ),
    wireCase(
      { id: 'N4', sentence: 'an ICMP timestamp request is not answered', carriedInAudit: false },
      around,
      askByIcmp(13, timestamp),
    ),
    wireCase(
      { id: 'N4', sentence: 'a ping of elsewhere goes nowhere', carriedInAudit: true },
      around,
      async (wire, signal) =>
        sendAway(wire, { protocol: ipProtocols.icmp, target: elsewhere(101), payload: icmp(8, echoRest) }, signal),
    ),
  ]
}

function protocols(around: Surroundings): readonly Case[] {
  const { ipip, gre, esp, sctp, dccp, udplite } = ipProtocols
  return Object.entries({ ipip, gre, esp, sctp, dccp, udplite }).map(([name, protocol], at) =>
    wireCase({ id: 'N5', sentence: `${name} goes nowhere`, carriedInAudit: false }, around, (wire, signal) =>
      sendAway(wire, { protocol, target: elsewhere(110 + at), payload: Buffer.alloc(24) }, signal),
    ),
  )
}

/** A datagram in two parts, the second without a port. Pure. */
function inFragments(ends: Omit<Parameters<typeof ipv4>[1], 'fragment'>, datagram: Buffer): readonly Buffer[] {
  const [moreToCome, fromByte24] = [0x2000, 3]
  return [
    ipv4(ipProtocols.udp, { ...ends, fragment: moreToCome }, datagram.subarray(0, 24)),
    ipv4(ipProtocols.udp, { ...ends, fragment: fromByte24 }, datagram.subarray(24)),
  ]
}

function fragments(around: Surroundings): readonly Case[] {
  const head = { id: 'N6', carriedInAudit: false } as const
  return [
    wireCase({ ...head, sentence: 'a question in fragments is not answered' }, around, async (wire, signal) => {
      const ends = { source: wire.source, destination: wire.gateway }
      const datagram = udp(40_053, 53, question(`no host.${freshName()}`, 1))
      return sendToGateway(wire, inFragments(ends, datagram), signal)
    }),
    wireCase({ ...head, sentence: 'a datagram in fragments goes nowhere' }, around, async (wire, signal) => {
      const target = elsewhere(120)
      const ends = { source: wire.source, destination: target, hops: 1 }
      for (const part of inFragments(ends, udp(40_003, 4_446, Buffer.alloc(32)))) sendIp(wire, part)
      const heard = await wire.socket.hear(frame => answerTo(frame, target), listenMs, signal)
      return heard === undefined || heard === 'refused' ? held : broken(`it was ${heard}`, forwards)
    }),
  ]
}

function others(around: Surroundings): readonly Case[] {
  return [
    wireCase(
      { id: 'N7', sentence: 'a datagram past the socket layer goes nowhere', carriedInAudit: true },
      around,
      (wire, signal) =>
        sendAway(
          wire,
          { protocol: ipProtocols.udp, target: elsewhere(130), payload: udp(40_001, 4_444, Buffer.alloc(8)) },
          signal,
        ),
    ),
    wireCase(
      { id: 'N7', sentence: 'a forged sender is not passed on', carriedInAudit: false },
      around,
      async (wire, signal) => {
        // From another address of documentation, which a machine that passes it on would have to ask for.
        const target = elsewhere(131)
        const forged = elsewhere(132)
        sendIp(
          wire,
          ipv4(ipProtocols.udp, { source: forged, destination: target, hops: 1 }, udp(40_002, 4_445, Buffer.alloc(8))),
        )
        const heard = await wire.socket.hear(
          frame => answerTo(frame, target) ?? (isFor(frame, forged) ? 'answered' : undefined),
          listenMs,
          signal,
        )
        return heard === undefined || heard === 'refused' ? held : broken(`it was ${heard}`, forwards)
      },
    ),
    wireCase(
      { id: 'N7', sentence: 'nobody on the wire lends out a foreign address', carriedInAudit: false },
      around,
      async ({ socket, source }, signal) => {
        const target = elsewhere(133)
        socket.send(
          ethernet(Buffer.alloc(6, 0xff), socket.ownMac, etherTypes.arp, arpRequest(socket.ownMac, source, target)),
        )
        const heard = await socket.hear(frame => (ownsInArp(frame, target) ? true : undefined), listenMs, signal)
        return heard === undefined ? held : broken(`the other end says it has ${target} (proxy ARP)`, forwards)
      },
    ),
    ...(['ff02::1', '2001:db8::1'] as const).map(address =>
      wireCase(
        { id: 'N3', sentence: `IPv6 in a frame of our own to ${address} is not answered`, carriedInAudit: false },
        around,
        async ({ socket }, signal) => {
          const [source, destination] = [parseAddress('fe80::7467'), parseAddress(address)]
          if (source === undefined || destination === undefined) throw new TypeError(`not an address: ${address}`)
          const to = address === 'ff02::1' ? Buffer.from('333300000001', 'hex') : socket.gatewayMac
          socket.send(ethernet(to, socket.ownMac, etherTypes.ipv6, echo6(source, destination, 1)))
          const heard = await socket.hear(frame => (answersIn6(frame) ? true : undefined), listenMs, signal)
          return heard === undefined ? held : broken('somebody on the wire answers IPv6', answers)
        },
      ),
    ),
  ]
}

/** Does somebody look for this address by ARP, or send to it? */
function isFor(frame: Buffer, address: Address): boolean {
  const type = frame.readUInt16BE(12)
  const at = type === etherTypes.arp ? 38 : type === etherTypes.ip ? 30 : undefined
  return at !== undefined && parseAddress([...frame.subarray(at, at + 4)].join('.')) === address
}
