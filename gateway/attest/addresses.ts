import { metadataAddresses } from '../record/vocabulary.ts'
import type { Case, Surroundings } from './case.ts'
import { type MarkedTcp, talkMarked } from './marked-tcp.ts'
import { gibberish, httpGet, judgeNoRoute, judgePage, judgeTcp, talkTcp, talkTls } from './tcp.ts'
import { judgeUdp, talkUdp } from './udp.ts'

const noRule = 'a rule of the policy opens it, or the packet went another way than the wire'
const ownPorts = 'a service listens where the job can reach it: only DNS and the front door may'
const noV6 = 'the job has a route for IPv6: its namespace must have none'
/** Of documentation networks (RFC 5737): nobody has them, so whoever refuses is the gateway. */
const nobody = { first: '203.0.113.1', second: '198.51.100.1', third: '192.0.2.1' } as const
/** Where engines, agents, proxies and the gateway's own metrics are found. */
const servicePorts = [22, 2_375, 3_128, 8_080, 9_464, 10_250] as const

/** What can be done with sockets of one's own. */
export function addressCases(around: Surroundings): readonly Case[] {
  return [
    ...literals(),
    ...metadata(),
    ...neighbours(),
    ...gatewayPorts(around),
    ...datagrams(around),
    ...sixes(),
    ...marked(),
  ]
}

function tcpCase(
  head: Pick<Case, 'id' | 'sentence' | 'carriedInAudit'>,
  host: string,
  port: number,
  change: string,
  text = gibberish,
): Case {
  return {
    ...head,
    try: async signal => judgeTcp(`${host}:${port}`, await talkTcp(host, port, text, signal), change),
  }
}

/** Plain HTTP, which the gateway refuses with a page: who ends the connection without one may be anybody. */
function pageCase(
  head: Pick<Case, 'id' | 'sentence' | 'carriedInAudit'>,
  host: string,
  change: string,
  path = '/',
): Case {
  return {
    ...head,
    try: async signal => judgePage(`${host}:80`, await talkTcp(host, 80, httpGet(host, path), signal), change),
  }
}

function literals(): readonly Case[] {
  const { first, second, third } = nobody
  return [
    pageCase({ id: 'N1', sentence: 'an address without a name is refused: HTTP', carriedInAudit: true }, first, noRule),
    {
      id: 'N1',
      sentence: 'an address without a name is refused: HTTPS',
      carriedInAudit: true,
      try: async signal =>
        judgeTcp(`${second}:443`, await talkTls({ host: second, port: 443 }, httpGet(second), signal), noRule),
    },
    tcpCase(
      { id: 'N1', sentence: 'an address without a name is refused: SSH', carriedInAudit: true },
      third,
      22,
      noRule,
      'SSH-2.0-tidegate\r\n',
    ),
    tcpCase(
      { id: 'N1', sentence: 'an address without a name is refused: an odd port', carriedInAudit: true },
      first,
      31_337,
      noRule,
    ),
    {
      id: 'T1',
      sentence: 'a name in TLS does not open the address it is sent to',
      carriedInAudit: true,
      async try(signal) {
        const outcome = await talkTls({ host: first, port: 443, sni: 'example.com' }, httpGet('example.com'), signal)
        return judgeTcp(`${first}:443`, outcome, noRule)
      },
    },
    {
      id: 'N2',
      sentence: 'an IPv4 address in the spelling of IPv6 is refused like any other',
      carriedInAudit: true,
      try: async signal =>
        judgeTcp(`::ffff:${first}`, await talkTcp(`::ffff:${first}`, 443, gibberish, signal), noRule),
    },
  ]
}

function metadata(): readonly Case[] {
  const credentials = 'a rule names it: builds must not have the credentials of their machine'
  return [...metadataAddresses]
    .filter(address => !address.includes(':'))
    .map(address =>
      pageCase(
        { id: 'N16', sentence: `the metadata service at ${address} is refused`, carriedInAudit: true },
        address,
        credentials,
        '/latest/meta-data/',
      ),
    )
}

function neighbours(): readonly Case[] {
  const privately = ['10.0.0.1', '172.17.0.1', '192.168.0.1', '100.64.0.1', '169.254.1.1']
  const change = 'a rule opens the private range: name only what the build needs (`private`)'
  return [
    ...privately.map(address =>
      pageCase({ id: 'N17', sentence: `a neighbour at ${address} is refused`, carriedInAudit: true }, address, change),
    ),
    tcpCase(
      { id: 'N18', sentence: 'the wire of another job is refused', carriedInAudit: false },
      '198.19.255.254',
      22,
      ownPorts,
    ),
    tcpCase(
      { id: 'N18', sentence: 'a virtual address that stands for no name is refused', carriedInAudit: false },
      '198.18.255.254',
      443,
      ownPorts,
    ),
  ]
}

function gatewayPorts({ gatewayAddress }: Surroundings): readonly Case[] {
  return servicePorts.map(port =>
    tcpCase(
      { id: 'N18', sentence: `port ${port} of the gateway does not answer`, carriedInAudit: false },
      gatewayAddress,
      port,
      ownPorts,
      httpGet(gatewayAddress, '/metrics'),
    ),
  )
}

function datagrams({ gatewayAddress }: Surroundings): readonly Case[] {
  // A long header of a version that does not exist: whoever speaks QUIC answers with its own (RFC 9000 §6).
  const quic = Buffer.alloc(1_200)
  Buffer.from('c0babababa08', 'hex').copy(quic)
  const targets: readonly (readonly [id: string, what: string, host: string, port: number, bytes: Buffer])[] = [
    ['T6', 'QUIC', nobody.first, 443, quic],
    ['N1', 'UDP to an odd port', nobody.second, 51_820, Buffer.from(gibberish)],
    ['N18', 'UDP to the gateway', gatewayAddress, 123, Buffer.alloc(48, 0x23)],
  ]
  return targets.map(([id, what, host, port, bytes]) => ({
    id,
    sentence: `${what} is refused`,
    carriedInAudit: true,
    try: async signal => judgeUdp(`${host}:${port}`, await talkUdp(host, port, bytes, signal), noRule),
  }))
}

function sixes(): readonly Case[] {
  const targets: readonly (readonly [id: string, what: string, address: string, port: number])[] = [
    ['N3', 'IPv6', '2001:db8::1', 443],
    ['N2', 'NAT64', '64:ff9b::203.0.113.1', 443],
    ['N2', '6to4', '2002:cb00:7101::1', 443],
    ['N16', 'the metadata service over IPv6', 'fd00:ec2::254', 80],
  ]
  return targets.map(([id, what, address, port]) => ({
    id,
    sentence: `there is no route for ${what}`,
    carriedInAudit: false,
    try: async signal => judgeNoRoute(`[${address}]:${port}`, await talkTcp(address, port, gibberish, signal), noV6),
  }))
}

function marked(): readonly Case[] {
  const kinds: readonly (readonly [id: string, what: string, how: MarkedTcp])[] = [
    ['N8', 'a socket with a mark', { mark: 1 }],
    ['N8', 'a socket with the mark of the gateway’s routes', { mark: 0x5447_0000 }],
    ['N8', 'a socket tied to the device', { device: true }],
    ['N9', 'a socket of the gateway’s user', { uid: 65_532 }],
    ['N9', 'a socket of nobody', { uid: 65_534 }],
    ['N7', 'Multipath TCP', { protocol: 262 }],
  ]
  return kinds.map(([id, what, how]) => ({
    id,
    sentence: `${what} is refused like any other`,
    carriedInAudit: true,
    async try(signal) {
      const outcome = await talkMarked(how, nobody.first, 443, gibberish, signal)
      return 'kind' in outcome ? outcome : judgeTcp(`${nobody.first}:443`, outcome, noRule)
    },
  }))
}
