// What a build can reach with sockets of every kind.
import t from 'tap'
import { auditPolicy, blockPolicy } from '../e2e/behind.ts'
import type { Line } from '../e2e/record-check.ts'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { metadataSecret } from '../lab/services/metadata.ts'
import { startServices } from './machine-services.ts'
import { tryAll, type Attack, type Expected } from './network-attacks.ts'

t.setTimeout(150_000)

/** A connection or datagram that a rule could allow: denied, or in audit observed. */
interface Reachable {
  readonly address: string
  readonly port: number
  readonly transport?: 'tcp' | 'udp'
  readonly reason?: string
}

/** The attack, its destination, and, in block mode, what it was told. */
type Try = readonly [sentence: string, attack: string, to: Reachable, told?: unknown]

const tries: readonly Try[] = [
  ['N1 a literal on 443', 'tcp TARGET 443', { address: 'TARGET', port: 443 }, 'ECONNRESET'],
  ['N1 a literal on 22', 'tcp TARGET 22', { address: 'TARGET', port: 22 }, 'ECONNRESET'],
  ['N1 a literal on an odd port', 'tcp TARGET 31337', { address: 'TARGET', port: 31_337 }, 'ECONNRESET'],
  ['N1 a literal of an allowed origin', 'tcp 198.51.100.10 443', { address: '198.51.100.10', port: 443 }],
  ['N1, D3 DNS over TLS', 'tcp 203.0.113.53 853', { address: '203.0.113.53', port: 853 }],
  ['N1, T6 QUIC', 'udp TARGET 443', { address: 'TARGET', port: 443, transport: 'udp' }, 'ECONNREFUSED'],
  ['N1 UDP on an odd port', 'udp TARGET 51820', { address: 'TARGET', port: 51_820, transport: 'udp' }, 'ECONNREFUSED'],
  ['N2 as one decimal number', 'tcp 3405804032 443', { address: '203.0.114.0', port: 443 }],
  ['N2 in octal and hexadecimal', 'tcp 0313.0.0x71.7 81', { address: '203.0.113.7', port: 81 }],
  ['N2 short', 'tcp 203.8 443', { address: '203.0.0.8', port: 443 }],
  ['N2 as ::ffff:', 'tcp6 ::ffff:203.0.113.9 80', { address: '203.0.113.9', port: 80 }],
  ['N2 private', 'tcp 10.1.2.3 80', { address: '10.1.2.3', port: 80 }],
  ['N2 CGNAT', 'tcp 100.64.0.1 80', { address: '100.64.0.1', port: 80 }],
  ['N2 link-local', 'tcp 169.254.7.7 80', { address: '169.254.7.7', port: 80 }],
  ['N2 reserved', 'tcp 240.0.0.1 80', { address: '240.0.0.1', port: 80 }],
  ['N7 TCP Fast Open', 'fast-open TARGET 443', { address: 'TARGET', port: 443 }],
  ['N7 TCP opened from both ends', 'both-ends TARGET 4430', { address: 'TARGET', port: 4430 }],
  ['N7 Multipath TCP', 'mptcp TARGET 443', { address: 'TARGET', port: 443 }],
  ['N8 a marked socket', 'marked 0x1 TARGET 443', { address: 'TARGET', port: 443 }],
  ['N8 a socket marked as the gateway’s routes are', 'marked 0x54470000 TARGET 443', { address: 'TARGET', port: 443 }],
  ['N8 a marked UDP socket', 'udp-marked TARGET 443', { address: 'TARGET', port: 443, transport: 'udp' }],
  ['N8 a socket tied to the device', 'on-device eth0 TARGET 443', { address: 'TARGET', port: 443 }],
  ['N9 nobody', 'as-ids 65534 65534 TARGET 443', { address: 'TARGET', port: 443 }],
  ['N9 a user of a proxy', 'as-ids 13 13 TARGET 443', { address: 'TARGET', port: 443 }],
  ['N16 metadata', 'tcp 169.254.169.254 80', { address: '169.254.169.254', port: 80 }],
  ['N16 Azure’s wire server', 'tcp 168.63.129.16 80', { address: '168.63.129.16', port: 80 }],
  ['N16 Azure’s wire server, plugins', 'tcp 168.63.129.16 32526', { address: '168.63.129.16', port: 32_526 }],
  ['N16 a container’s credentials', 'tcp 169.254.170.2 80', { address: '169.254.170.2', port: 80 }],
  ['N17 a neighbour', 'tcp 192.0.2.20 80', { address: '192.0.2.20', port: 80 }],
  ['N17 a neighbour that is a proxy', 'tcp 192.0.2.20 3128', { address: '192.0.2.20', port: 3128 }],
  ['N17 the machine’s router', 'tcp 192.0.2.1 80', { address: '192.0.2.1', port: 80 }],
  ['N18 a service of the machine', 'tcp 192.0.2.10 7777', { address: '192.0.2.10', port: 7777 }],
  ['N18 a service on any other address', 'tcp TARGET 7777', { address: 'TARGET', port: 7777 }],
  [
    'N18 a UDP service of the machine',
    'udp 192.0.2.10 7777',
    { address: '192.0.2.10', port: 7777, transport: 'udp' },
    'ECONNREFUSED',
  ],
  ['N18 the gateway’s own metrics', 'tcp 192.0.2.10 9464', { address: '192.0.2.10', port: 9464 }],
]

/** What no mode lets through. */
const never: readonly Attack[] = [
  ['N2, N3 IPv6', 'tcp6 2001:db8:66::66 443', { told: 'ENETUNREACH' }],
  ['N2, N3 UDP over IPv6', 'udp6 2001:db8:66::66 443', { told: 'ENETUNREACH' }],
  ['N2 NAT64', 'tcp6 64:ff9b::203.0.113.66 443', { told: 'ENETUNREACH' }],
  ['N2 6to4', 'tcp6 2002:cb00:7142::1 443', { told: 'ENETUNREACH' }],
  ['N2 Teredo', 'tcp6 2001:0:cb00:7142:: 443', { told: 'ENETUNREACH' }],
  ['N16 metadata over IPv6', 'tcp6 fd00:ec2::254 80', { told: 'ENETUNREACH' }],
  ['N2 nowhere is the job itself', 'tcp 0.0.0.0 7777', { told: 'ECONNREFUSED' }],
  ['N2 loopback is the job’s own', 'tcp 127.1 7777', { told: 'ECONNREFUSED' }],
  ['N18 a service on the gateway’s link address', 'tcp GATEWAY 7777', { told: 'ECONNRESET' }],
  ['N18 the metrics on the gateway’s link address', 'tcp GATEWAY 9464', { told: 'ECONNRESET' }],
  ['N18 loopback behind the wire', 'on-device eth0 127.0.0.1 7779', { told: 'timed out' }],
  ['N18 the virtual address of nobody', 'tcp 198.18.77.7 443', neverDialled('198.18.77.7', 443)],
  ['N18 the link of another job', 'tcp 198.19.0.2 22', neverDialled('198.19.0.2', 22)],
  ['D1 DNS elsewhere, over TCP', 'tcp 203.0.113.53 53', {}],
  ['D1 DNS elsewhere, over UDP', 'udp 203.0.113.53 53', {}],
  ['N17 a name of a metadata service', 'shell curl -sm3 http://metadata.google.internal/latest/api/token', {}],
]

function neverDialled(address: string, port: number): Expected {
  return { line: { address, port, verdict: 'deny', reason: 'private-address' } }
}

function expected(mode: 'block' | 'audit', [sentence, attack, to, told]: Try): Attack {
  const { address, port, transport = 'tcp', reason = 'address-literal' } = to
  const layer = transport === 'tcp' ? 'tcp' : mode === 'audit' ? 'udp' : 'packet'
  const line: Partial<Line> = { layer, address, port, reason, verdict: mode === 'audit' ? 'observe' : 'deny' }
  return [sentence, attack, { line, ...(mode === 'block' && told !== undefined ? { told } : {}) }]
}

/** What left the machine towards anywhere but the resolver. */
async function left(lab: Lab): Promise<readonly string[]> {
  const packets = await lab.uplink.packets(({ destination }) => destination !== lab.addresses.resolver.v4)
  return packets.map(({ protocol, destination, destinationPort }) => `${protocol} ${destination} ${destinationPort}`)
}

t.test('what a build reaches with sockets of its own', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata', 'neighbour'] })
  // As on a machine with containers, and as kube-proxy has it.
  await lab.host.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.route_localnet=1'])
  const services = await startServices(lab)
  const metrics = ['--metrics', '0.0.0.0:9464']

  await t.test('block: nothing', async t => {
    const list = [...tries.map(one => expected('block', one)), ...never]
    const { stdout } = await tryAll(t, lab, blockPolicy([]), list, { options: metrics })
    t.notMatch(stdout, metadataSecret)
    t.notMatch(stdout, 'service of the machine')
    t.strictSame(services.visits(), [], 'no service of the machine was visited')
    t.strictSame(await left(lab), [])
    t.strictSame(await lab.dns.queries(), [], 'no resolver was asked anything')
  })

  await t.test('audit: what a rule could allow, and the log has it', async t => {
    const list = [...tries.map(one => expected('audit', one)), ...never]
    await tryAll(t, lab, auditPolicy, list, { options: metrics })
    const strange = await lab.uplink.packets(
      ({ protocol, source }) => !['tcp', 'udp'].includes(protocol) || source !== '192.0.2.10',
    )
    t.strictSame(strange, [])
    t.strictSame(await lab.dns.queries({ server: 'outside' }), [])
    t.strictSame(await left(lab).then(all => all.filter(line => / 198\.1[89]\.| 127\.| 0\./.test(line))), [])
  })

  await t.test('block, with rules: a name opens its own place and no other', async t => {
    await lab.serve('echo.acme.test', { v4: '198.51.100.10' })
    await lab.serve('meta.acme.test', { v4: '169.254.169.254' })
    await lab.serve('near.acme.test', { v4: '10.9.8.7' })
    await lab.uplink.clear()
    const rules = [
      'tcp://echo.acme.test:7',
      'https://api.acme.test',
      'http://meta.acme.test',
      'tcp://near.acme.test:80',
    ]
    const privately = (host: string): Expected => ({
      line: { layer: 'tcp', host, verdict: 'deny', reason: 'private-address' },
    })
    await tryAll(t, lab, blockPolicy(rules), [
      ['N23 the name itself', 'tcp echo.acme.test 7', { told: '(loot-of-a-job!)' }],
      [
        'N23 another port of it',
        'tcp echo.acme.test 80',
        { told: 'ECONNRESET', line: { layer: 'tcp', host: 'echo.acme.test', verdict: 'deny' } },
      ],
      ['N23 the address behind it', 'tcp 198.51.100.10 7', { told: 'ECONNRESET' }],
      ['N23 another name on that address', 'tcp api.acme.test 7', { told: 'ECONNRESET' }],
      [
        'N23 plain TCP where TLS is allowed',
        'tcp api.acme.test 443',
        { line: { host: 'api.acme.test', port: 443, verdict: 'deny', reason: 'protocol' } },
      ],
      ['N16 a rule on a name is none on the metadata behind it', 'tcp meta.acme.test 80', {}],
      [
        'N16 the same, asked by HTTP',
        'shell curl -sm3 http://meta.acme.test/latest/api/token',
        { line: { layer: 'http', host: 'meta.acme.test', verdict: 'deny', reason: 'private-address' } },
      ],
      ['N17 nor on a private address behind it', 'tcp near.acme.test 80', privately('near.acme.test')],
      ['N18 nor is the machine’s own', 'tcp 192.0.2.10 7777', { told: 'ECONNRESET' }],
    ])
    t.strictSame([...new Set(await left(lab))], ['tcp 198.51.100.10 7'], 'only what the rules name')
    t.strictSame(await lab.origins.requests({ host: 'meta.acme.test' }), [])
  })
})
