// What a build with raw and packet sockets can put on its wire, past every socket layer of its own.
import t from 'tap'
import { auditPolicy, blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { tryAll, type Attack, type Expected } from './network-attacks.ts'

t.setTimeout(120_000)

/** The line of packets that the kernel refused; by default one packet to the attack's own address. */
function counted(protocol: string, reason = 'protocol', address = 'TARGET', packets = 1): Expected {
  return { line: { layer: 'packet', protocol, reason, verdict: 'deny', address, packets } }
}
const malformed = (protocol: string, packets = 1): Expected => counted(protocol, 'malformed', 'TARGET', packets)

/** Dropped in both modes: no rule can allow it. What the kernel does not take for IPv4 at all is in no count. */
const always: readonly Attack[] = [
  ['N3 IPv6 in a frame', 'v6-udp', { line: { layer: 'packet', protocol: 'ipv6', verdict: 'deny' } }],
  ['N3 IPv6 to the gateway’s link-local address', 'v6-tcp-link', {}],
  ['N3 IPv6 to all nodes of the link', 'v6-udp ff02::1', {}],
  ['N2, N3 an IPv4 address mapped into an IPv6 header', 'v6-mapped', {}],
  ['N3 a router advertisement', 'v6-advertisement', {}],
  ['N3 a neighbour solicitation', 'v6-solicitation', {}],
  ['N3 an IPv6 redirect', 'v6-redirect', {}],
  ['N3, N6 an IPv6 fragment header', 'v6-fragment', {}],
  ['N5 every IP protocol there is', 'protocols', counted('253')],
  ['N5 GRE with a packet in it', 'gre', counted('gre')],
  ['N5 IP in IP', 'ip-in-ip', counted('ipip')],
  ['N5 IPv6 in IPv4', '6in4', counted('ipv6')],
  ['N5 SCTP', 'sctp', counted('sctp')],
  ['N5 DCCP', 'raw 33 TARGET', counted('dccp')],
  ['N5 UDP-Lite', 'raw 136 TARGET', counted('udplite')],
  ['N5 ESP', 'raw 50 TARGET', counted('esp')],
  ['N5 AH', 'raw 51 TARGET', counted('ah')],
  ['N5 IGMP', 'raw 2 224.0.0.22', counted('igmp', 'protocol', '224.0.0.22')],
  ['N6 a datagram in fragments', 'fragments', malformed('udp', 2)],
  ['N6 overlapping fragments', 'fragments-overlap', malformed('udp', 2)],
  ['N6 fragments too small for a port', 'fragments-tiny', malformed('udp', 2)],
  ['N6 only a first fragment', 'fragment-first', malformed('udp')],
  ['N6 only a last fragment', 'fragment-last', malformed('udp')],
  ['N6 a TCP header across two fragments', 'fragment-tcp', malformed('tcp', 2)],
  ['N6, D1 a fragment that looks like DNS', 'fragment-dns', malformed('udp')],
  ['N7 UDP from the machine’s own address', 'spoofed-udp 192.0.2.10', malformed('udp')],
  ['N7 UDP from the gateway’s end of the wire', 'spoofed-udp GATEWAY', malformed('udp')],
  ['N7 UDP from nowhere', 'spoofed-udp 0.0.0.0', malformed('udp')],
  ['N7 UDP from loopback', 'spoofed-udp 127.0.0.1', malformed('udp')],
  ['N7 UDP from a broadcast address', 'spoofed-udp 255.255.255.255', malformed('udp')],
  ['N7 TCP from the machine’s own address', 'spoofed-tcp 192.0.2.10', malformed('tcp')],
  ['N7 a ping from the machine’s own address', 'spoofed-echo 192.0.2.10', malformed('icmp')],
  ['N7, D1 DNS from the resolver’s address', 'spoofed-dns 198.51.100.53', malformed('udp')],
  [
    'N7 UDP from a foreign address by IP_TRANSPARENT',
    'from-address 192.0.2.77 TARGET 53',
    { told: 'timed out', ...malformed('udp') },
  ],
  ['N4 an ICMP timestamp request', 'icmp 13', counted('icmp')],
  ['N4 an unsolicited echo reply', 'icmp 0', counted('icmp')],
  ['N4 an ICMP router advertisement', 'icmp 9', counted('icmp')],
  [
    'N4 ICMP errors about the gateway’s own connections, and a redirect of its routes',
    'icmp-errors 192.0.2.10',
    counted('icmp', 'protocol', '192.0.2.10', 3),
  ],
  ['N4 the same to the gateway’s end of the wire', 'icmp-errors GATEWAY', {}],
  ['N7 TCP to the loopback address', 'tcp-loopback', counted('tcp', 'private-address', '127.0.0.1')],
  ['N7 TCP to port 0', 'flags 2 0', malformed('tcp')],
  ['N7 UDP to port 0', 'port-zero', malformed('udp')],
  ['N7 UDP from port 0', 'from-port-zero', malformed('udp')],
  ['N7 TCP with no flag', 'flags 0', {}],
  ['N7 TCP with all flags', 'flags ff', {}],
  ['N7 TCP data without a connection', 'flags 18', {}],
  ['N7 TCP that begins and ends at once, with data', 'flags 3', {}],
  ['N7 TCP opened from both ends', 'simultaneous', {}],
  ['N7 a header of no length', 'bad-header 40', {}],
  ['N7 a header of another version', 'bad-header 65', {}],
  ['N7 a frame to somebody else’s card', 'other-mac', {}],
  ['N7 two VLAN tags', 'vlan-double', {}],
  ['N7 a VLAN tag', 'vlan 5', {}],
  ['N7 MPLS', 'mpls', {}],
  ['N7 PPPoE', 'pppoe', {}],
  ['N7 a frame that bridges pass on', 'lldp', {}],
  ['ARP: who has the attacker?', 'arp-ask 203.0.113.66', {}],
  ['ARP: who has the machine’s other address?', 'arp-ask 192.0.2.10', {}],
  ['ARP: the job claims to be the machine’s router', 'arp-claim 192.0.2.1', {}],
  ['ARP: the job claims to be the gateway', 'arp-claim GATEWAY', {}],
  ['N7 multicast', 'cast 239.1.1.1 9', counted('udp', 'private-address', '239.1.1.1')],
  ['N7 multicast to its own card', 'multicast-mac', counted('udp', 'private-address', '224.0.0.1')],
  ['N7 broadcast', 'cast 255.255.255.255 9', counted('udp', 'private-address', '255.255.255.255')],
]

/** UDP past the socket layer, of which audit carries what is well-formed. */
const datagrams: readonly (readonly [string, string])[] = [
  ['N7 a frame from the gateway’s own card', 'gateway-mac'],
  ['N7 a frame to everybody’s card', 'broadcast-mac'],
  ['N7 a priority tag, which is no VLAN', 'vlan 0'],
  ['N7 the router alert option', 'router-alert'],
  ['N7 the reserved bit of a fragment offset', 'fragment-reserved'],
]

const block: readonly Attack[] = [
  ...always,
  ...datagrams.map(([sentence, attack]): Attack => [sentence, attack, counted('udp', 'address-literal')]),
  ['N7 a UDP length that cannot be', 'bad-udp', {}],
  ['N7 a loose source route by way of the attacker', 'loose-route', counted('udp', 'address-literal', '198.51.100.10')],
  ['N7 a strict source route by way of the attacker', 'strict-route', {}],
  ['N7 UDP to the loopback address', 'udp-loopback', counted('udp', 'private-address', '127.0.0.1')],
  ['N4 a ping', 'echo TARGET', { told: 'timed out', ...counted('icmp') }],
  ['N4 a ping with a route record', 'record-route', counted('icmp')],
]

const pinged: Expected = { line: { layer: 'packet', protocol: 'icmp', verdict: 'observe', address: 'TARGET' } }

const audit: readonly Attack[] = [
  ...always,
  ...datagrams.map(([sentence, attack]): Attack => [
    sentence,
    attack,
    { line: { layer: 'udp', verdict: 'observe', reason: 'address-literal', address: 'TARGET', port: 4444 } },
  ]),
  ['N7 a UDP length that cannot be', 'bad-udp', {}],
  ['N7 a loose source route by way of the attacker', 'loose-route', {}],
  ['N7 a strict source route by way of the attacker', 'strict-route', {}],
  ['N4 a ping is answered here, and never sent on', 'echo TARGET', { told: /^reply from 203\.0\.113\./, ...pinged }],
  ['N4 a ping with a route record', 'record-route', pinged],
]

t.test('what a build forges does not get out', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  // A machine that forwards and masquerades, as one with containers does.
  await lab.host.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
  await lab.host.exec('nft', [
    'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p masquerade',
  ])
  const machine = async (): Promise<string> =>
    (
      await lab.host.exec('sh', [
        '-c',
        'ip neigh show dev up0; ip route; ip route show cache; ip -6 route show dev up0',
      ])
    ).stdout
  const before = await machine()

  await t.test('block', async t => {
    await tryAll(t, lab, blockPolicy([]), block)
    t.strictSame(await lab.uplink.packets(), [], 'nothing left the machine')
    t.strictSame(await lab.sink.lines(), [])
  })
  await t.test('audit', async t => {
    await tryAll(t, lab, auditPolicy, audit)
    const strange = (await lab.uplink.packets()).filter(
      ({ protocol, source, fragment }) => !['tcp', 'udp'].includes(protocol) || source !== '192.0.2.10' || fragment,
    )
    t.strictSame(strange, [], 'only the gateway’s own TCP and UDP left the machine')
  })
  t.equal(await machine(), before, 'neighbours and routes of the machine are what they were')
})
