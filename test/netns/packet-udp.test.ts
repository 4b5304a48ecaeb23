import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { attackFile, attacks, runRig } from './packet-rig-types.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const origin = '198.51.100.10'

t.test(
  'UDP rules: what a rule names passes, by name and by address; the rest is refused, on other ports at once',
  { skip },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    const { stdout, events, failed } = await runRig(lab.host, {
      policy: `version: 1\nmode: block\nallow:\n  - udp://time.acme.test:5000\n  - udp://${origin}:123\n`,
      names: { 'time.acme.test': origin, 'other.acme.test': origin },
      // As the gateway does: by address where a rule names one, else any virtual address on the port of a rule.
      udp: [
        { to: origin, port: 123 },
        { to: '198.18.0.0/16', port: 5000 },
      ],
      command: attacks(
        `udp ${origin} 123`,
        'udp $NAME_time_acme_test 5000',
        'udp $NAME_time_acme_test 7',
        'udp $NAME_other_acme_test 5000',
        `udp ${origin} 5000`,
      ),
    })
    t.equal(failed?.message, undefined)
    t.strictSame(
      stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
      ['hello attacker', 'hello attacker', 'ECONNREFUSED', 'timed out', 'ECONNREFUSED'],
    )
    const place = ({ host, port }: (typeof events)[number]): string => `${port ?? 0} ${host ?? ''}`
    const udp = events.filter(({ layer }) => layer === 'udp').toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
    const process = { uid: 0, command: new RegExp(attackFile), parents: [/python/] }
    t.match(udp, [
      { address: origin, port: 123, verdict: 'allow', rule: /^allow\[1\]/, bytesSent: 14, bytesReceived: 14, process },
      { host: 'other.acme.test', port: 5000, verdict: 'deny', reason: 'no-rule', bytesReceived: 0, process },
      {
        host: 'time.acme.test',
        address: origin,
        port: 5000,
        verdict: 'allow',
        flow: 'named',
        bytesReceived: 14,
        process,
      },
    ])
    t.equal(udp.length, 3)
    const refused = events
      .filter(({ layer }) => layer === 'packet')
      .map(({ host, address, port, reason }) => [host ?? address, port, reason])
    t.strictSame(
      new Set(refused.map(line => line.join(' '))),
      new Set(['time.acme.test 7 no-rule', `${origin} 5000 address-literal`]),
    )
  },
)

t.test('UDP in audit: everything passes and is written down, but not what is never dialled', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const { stdout, events } = await runRig(lab.host, {
    policy: 'version: 1\nmode: audit\nallow: []\nforbid:\n  - udp://198.51.100.10:123\n',
    command: attacks('udp 203.0.113.66 4444', `udp ${origin} 123`, 'udp 127.0.0.2 9', 'udp $GATEWAY 9'),
  })
  const told: unknown[] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.strictSame([told[0], told[1], told[3]], ['hello attacker', 'timed out', 'timed out'])
  t.equal(await lab.uplink.count({ port: 123 }), 0)
  const lines = events.filter(({ layer }) => layer === 'udp')
  t.match(
    lines.find(({ port }) => port === 4444),
    { verdict: 'observe', reason: 'address-literal', bytesReceived: 14 },
  )
  t.match(
    lines.find(({ port }) => port === 123),
    { verdict: 'deny', reason: 'forbidden', bytesReceived: 0 },
  )
  t.match(
    lines.find(({ port }) => port === 9),
    { verdict: 'deny', reason: 'private-address' },
  )
})

t.test('one socket of the job to many destinations: each answer comes from where it was asked', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const script = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
wanted = set()
for n in range(40):
    peer = ('203.0.113.%d' % (n + 1), 4000 + n); wanted.add(peer); s.sendto(b'%d' % n, peer); s.sendto(b'%d' % n, peer)
got = {}
while sum(got.values()) < 80 if got else True:
    data, peer = s.recvfrom(99); got[peer] = got.get(peer, 0) + 1
print(set(got) == wanted)`
  const { stdout, stderr } = await runRig(lab.host, {
    policy: 'version: 1\nmode: audit\nallow: []\n',
    command: ['python3', '-c', script],
  })
  t.equal(stdout, 'True\n', stderr)
})
