import { addresses, internetAddresses, wires } from './addresses.ts'
import { runChecked } from './program.ts'

/** Names of the three namespaces of one lab. */
export interface NamespaceNames {
  readonly host: string
  readonly internet: string
  readonly sink: string
}

/**
 * Lays namespaces and wires: host ── internet ── sink. Neighbours are permanent entries and there are no link-local
 * addresses, so a wire carries nothing but what somebody sent.
 */
export async function layTopology(names: NamespaceNames): Promise<void> {
  await batch(
    undefined,
    Object.values(names).map(name => `netns add ${name}`),
  )
  await Promise.all([
    sysctl(names.host, quiet),
    sysctl(names.internet, [...quiet, ...forwarding]),
    sysctl(names.sink, quiet),
  ])
  const { uplink, away } = wires
  await batch(names.internet, [
    `link add ${uplink.internet.device} address ${uplink.internet.mac} type veth peer name ${uplink.host.device} address ${uplink.host.mac} netns ${names.host}`,
    `link add ${away.internet.device} address ${away.internet.mac} type veth peer name ${away.sink.device} address ${away.sink.mac} netns ${names.sink}`,
  ])
  await Promise.all([
    batch(names.host, hostCommands()),
    batch(names.internet, internetCommands()),
    batch(names.sink, sinkCommands()),
  ])
  await Promise.all([
    runChecked('/usr/sbin/ip', ['netns', 'exec', names.internet, '/usr/sbin/nft', '-f', '-'], {
      input: internetRuleset(),
    }),
    runChecked('/usr/sbin/ip', ['netns', 'exec', names.sink, '/usr/sbin/nft', '-f', '-'], { input: sinkRuleset() }),
  ])
}

const quiet: readonly string[] = [
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv6.conf.default.accept_ra=0',
  'net.ipv6.conf.default.addr_gen_mode=1',
  'net.ipv4.icmp_ratelimit=0',
]

/** Of the lab's own internet only: the machine's ip_forward is never touched. */
const forwarding: readonly string[] = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.conf.all.send_redirects=0',
  'net.ipv4.conf.default.send_redirects=0',
]

function hostCommands(): string[] {
  const { host, internet } = wires.uplink
  const near = [addresses.gateway, addresses.neighbour].flatMap(place => [place.v4, place.v6])
  return [
    'link set lo up',
    `address add ${addresses.host.v4}/25 dev ${host.device}`,
    `address add ${addresses.host.v6}/64 dev ${host.device} nodad`,
    `link set ${host.device} up`,
    ...near.map(address => `neighbour replace ${address} lladdr ${internet.mac} dev ${host.device} nud permanent`),
    `route add default via ${addresses.gateway.v4} dev ${host.device}`,
    `route add ::/0 via ${addresses.gateway.v6} dev ${host.device}`,
  ]
}

function internetCommands(): string[] {
  const { uplink, away } = wires
  const near = [addresses.gateway, addresses.neighbour]
  return [
    'link set lo up',
    ...internetAddresses.map(address => `address add ${address}/${address.includes(':') ? '128' : '32'} dev lo`),
    ...near.map(({ v4 }) => `address add ${v4}/25 dev ${uplink.internet.device}`),
    ...near.map(({ v6 }) => `address add ${v6}/64 dev ${uplink.internet.device} nodad`),
    `link set ${uplink.internet.device} up`,
    `neighbour replace ${addresses.host.v4} lladdr ${uplink.host.mac} dev ${uplink.internet.device} nud permanent`,
    `neighbour replace ${addresses.host.v6} lladdr ${uplink.host.mac} dev ${uplink.internet.device} nud permanent`,
    `neighbour replace ${uplink.marker.v4} lladdr ${uplink.marker.mac} dev ${uplink.internet.device} nud permanent`,
    `address add ${away.internet.v4}/25 dev ${away.internet.device}`,
    `address add ${away.internet.v6}/64 dev ${away.internet.device} nodad`,
    `link set ${away.internet.device} up`,
    `neighbour replace ${away.sink.v4} lladdr ${away.sink.mac} dev ${away.internet.device} nud permanent`,
    `neighbour replace ${away.sink.v6} lladdr ${away.sink.mac} dev ${away.internet.device} nud permanent`,
    `neighbour replace ${away.marker.v4} lladdr ${away.marker.mac} dev ${away.internet.device} nud permanent`,
    `route add default via ${away.sink.v4} dev ${away.internet.device}`,
    `route add ::/0 via ${away.sink.v6} dev ${away.internet.device}`,
  ]
}

/** Every address in the world is local to the sink, the way back to the host aside. */
function sinkCommands(): string[] {
  const { sink, internet } = wires.away
  const own = [addresses.outsideResolver, addresses.attacker]
  return [
    'link set lo up',
    ...own.flatMap(({ v4, v6 }) => [`address add ${v4}/32 dev lo`, `address add ${v6}/128 dev lo`]),
    `address add ${sink.v4}/25 dev ${sink.device}`,
    `address add ${sink.v6}/64 dev ${sink.device} nodad`,
    `link set ${sink.device} up`,
    `neighbour replace ${internet.v4} lladdr ${internet.mac} dev ${sink.device} nud permanent`,
    `neighbour replace ${internet.v6} lladdr ${internet.mac} dev ${sink.device} nud permanent`,
    `route add 192.0.2.0/25 via ${internet.v4} dev ${sink.device} table local`,
    `route add 2001:db8:2::/64 via ${internet.v6} dev ${sink.device} table local`,
    'route add local default dev lo table local',
    'route add local ::/0 dev lo table local',
  ]
}

/** Ports of the sink process, which any other port is redirected to. */
export const sinkPorts = { tcp: 1024, udp: 1024 } as const

function sinkRuleset(): string {
  const { v4, v6 } = addresses.outsideResolver
  return `table inet sink {
  chain everything {
    type nat hook prerouting priority -100; policy accept;
    ip daddr ${v4} meta l4proto { tcp, udp } th dport { 53, 853 } accept
    ip6 daddr ${v6} meta l4proto { tcp, udp } th dport { 53, 853 } accept
    meta l4proto { tcp, udp } th dport { 53, 853 } redirect
    meta l4proto tcp redirect to :${sinkPorts.tcp}
    meta l4proto udp redirect to :${sinkPorts.udp}
  }
}
`
}

function internetRuleset(): string {
  const { v4, v6 } = addresses.blackhole
  return `table inet internet {
  set dead4 { type ipv4_addr; elements = { ${v4} } }
  set dead6 { type ipv6_addr; elements = { ${v6} } }
  chain blackhole {
    type filter hook input priority 0; policy accept;
    ip daddr @dead4 drop
    ip6 daddr @dead6 drop
  }
}
`
}

async function batch(namespace: string | undefined, commands: readonly string[]): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace]
  await runChecked('/usr/sbin/ip', [...where, '-batch', '-'], { input: commands.join('\n') + '\n' })
}

async function sysctl(namespace: string, settings: readonly string[]): Promise<void> {
  await runChecked('/usr/sbin/ip', ['netns', 'exec', namespace, '/usr/sbin/sysctl', '-q', '-w', ...settings])
}
