import t, { type Test } from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { attacks, runRig, type RigOutcome } from './packet-rig-types.ts'

t.setTimeout(120_000)

/** What an attack must be told, where it must have arrived, and how the kernel must have counted it. */
interface Expected {
  readonly told?: unknown
  readonly door?: string
  readonly counted?: Readonly<Record<string, unknown>>
}

/** Id of bypasses.md and sentence, the attack, and what must hold. What holds for all: the sink saw nothing. */
const cases: readonly (readonly [sentence: string, attack: string, expected: Expected])[] = [
  ['N1 a literal on 443', 'tcp 203.0.113.66 443', { door: '203.0.113.66:443', told: 'door 203.0.113.66:443' }],
  ['N1 a literal on an odd port', 'tcp 203.0.113.66 31337', { door: '203.0.113.66:31337' }],
  ['N2 the same as ::ffff:', 'tcp-mapped 203.0.113.66 80', { door: '203.0.113.66:80' }],
  ['N3 IPv6', 'tcp6 2001:db8:66::66 443', { told: 'ENETUNREACH' }],
  ['N3 IPv6 in a frame of its own', 'packet-v6', { counted: { protocol: 'ipv6', reason: 'protocol' } }],
  ['N3 a router advertisement', 'router-advertisement', {}],
  ['N5 GRE', 'protocol 47', { counted: { protocol: 'gre', address: '203.0.113.66' } }],
  ['N5 SCTP', 'protocol 132', { counted: { protocol: 'sctp', address: '203.0.113.66' } }],
  ['N5 ESP', 'protocol 50', { counted: { protocol: 'esp', address: '203.0.113.66' } }],
  ['N5 IP in IP', 'protocol 4', { counted: { protocol: 'ipip', address: '203.0.113.66' } }],
  ['N5 DCCP', 'protocol 33', { counted: { protocol: 'dccp', address: '203.0.113.66' } }],
  ['N5 UDP-Lite', 'protocol 136', { counted: { protocol: 'udplite', address: '203.0.113.66' } }],
  ['N6 fragments', 'fragments', { counted: { protocol: 'udp', reason: 'malformed', packets: 2 } }],
  ['N7 another source address', 'spoofed 192.0.2.10', { counted: { reason: 'malformed', packets: 1 } }],
  ['N8 a marked socket', 'tcp-marked 203.0.113.66 8080', { door: '203.0.113.66:8080' }],
  ['N9 another user', 'tcp-as 1000 203.0.113.66 81', { door: '203.0.113.66:81' }],
  ['N18 a service of the gateway’s machine', 'tcp 192.0.2.10 7', { door: '192.0.2.10:7' }],
  ['N18 the door itself', 'tcp $GATEWAY $DOOR_PORT', { told: /^door 198\.19\./ }],
  ['N16 metadata', 'tcp 169.254.169.254 80', { door: '169.254.169.254:80' }],
  ['N17 a neighbour', 'tcp 192.0.2.20 80', { door: '192.0.2.20:80' }],
  ['D1 DNS over TCP elsewhere', 'tcp 203.0.113.53 53', { told: 'door 203.0.113.53:53' }],
  ['D1 DNS over UDP elsewhere', 'udp 203.0.113.53 53', { told: 'hello attacker' }],
  ['a socket to the hypervisor', 'vsock', { told: 'EAFNOSUPPORT' }],
]

const blocked: typeof cases = [
  ['N4 a ping', 'echo 203.0.113.66', { told: 'timed out', counted: { protocol: 'icmp', verdict: 'deny' } }],
  [
    'T6 QUIC',
    'udp 203.0.113.66 443',
    { told: 'ECONNREFUSED', counted: { protocol: 'udp', port: 443, verdict: 'deny' } },
  ],
  ['N18 UDP of the gateway’s machine', 'udp 192.0.2.10 7', { told: 'ECONNREFUSED' }],
  ['N7 UDP past the socket layer', 'packet-udp', { counted: { protocol: 'udp', port: 4444, verdict: 'deny' } }],
  ['N7 the same as a broadcast', 'broadcast', {}],
]

const audited: typeof cases = [
  [
    'N4 a ping is answered here',
    'echo 203.0.113.66',
    { told: 'reply from 203.0.113.66', counted: { protocol: 'icmp', verdict: 'observe' } },
  ],
]

for (const [mode, list] of [
  ['block', [...cases, ...blocked]],
  ['audit', [...cases, ...audited]],
] as const) {
  t.test(`${mode}: nothing of the job gets out by itself`, { skip: whyNoLab() }, async t => {
    await using lab = await openLab({ services: ['origins', 'metadata', 'neighbour'] })
    // A machine that forwards, as one with containers does.
    await lab.host.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
    const service = lab.host.spawn('socat', ['TCP-LISTEN:7,fork,reuseaddr', 'SYSTEM:echo own port'])
    const udpService = lab.host.spawn('socat', ['UDP-RECVFROM:7,fork', 'SYSTEM:echo own port'])
    const outcome = await runRig(lab.host, {
      policy: `version: 1\nmode: ${mode}\nallow: []\n`,
      command: attacks(...list.map(([, attack]) => attack)),
    })
    t.equal(outcome.failed?.message, undefined)
    const told: readonly unknown[] = outcome.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    t.equal(told.length, list.length, outcome.stderr)
    for (const [index, [sentence, attack, expected]] of list.entries()) {
      t.test(`${sentence}: ${attack}`, async t => check(t, outcome, told[index], expected))
    }
    t.strictSame(await lab.sink.lines(), [], 'the attacker saw nothing')
    t.strictSame(await lab.uplink.packets(), [], 'nothing left the machine')
    t.equal(outcome.intact, true, 'the rules are those that were loaded')
    service.kill()
    udpService.kill()
  })
}

function check(
  t: Test,
  { arrivals, events }: RigOutcome,
  told: unknown,
  { told: expected, door, counted }: Expected,
): void {
  t.not(told, undefined, 'it was tried')
  if (expected !== undefined) t.match(told, expected)
  if (door !== undefined)
    t.ok(
      arrivals.some(({ kind, to }) => kind === 'door' && to === door),
      `arrived at the door for ${door}`,
    )
  if (counted !== undefined) {
    const lines = events.filter(event =>
      Object.entries(counted).every(([key, value]) => Reflect.get(event, key) === value),
    )
    t.not(lines.length, 0, `the record has ${JSON.stringify(counted)}: ${JSON.stringify(events)}`)
  }
}
