// What holds while the gateway is stopped, killed, or robbed of its rules, and between jobs.
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { auditPolicy, blockPolicy } from '../e2e/behind.ts'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { networkLeftovers, processInside, startRun } from './live-run.ts'
import { startServices, until } from './machine-services.ts'
import { attackFile } from './network-attacks.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const beatFile = fileURLToPath(new URL('network-beat.py', import.meta.url))
const policy = blockPolicy(['tcp://echo.acme.test:7'])

/** A flow that goes on, and attacks without end beside it. */
const attacks = [
  'tcp TARGET 7777',
  'tcp 192.0.2.10 7777',
  'udp TARGET 7777',
  'udp 203.0.113.53 53',
  'echo TARGET',
  'gre',
  'spoofed-udp 192.0.2.10',
  'v6-udp',
]
const beatAndAttack = `python3 ${beatFile} echo.acme.test 7 $WORK/beats & while :; do python3 ${attackFile} '${attacks.join("' '")}' >/dev/null; touch $WORK/attacked; done`

async function openBeatingLab(): Promise<Lab> {
  const lab = await openLab()
  await lab.serve('echo.acme.test', { v4: '198.51.100.10' })
  // A machine that forwards and masquerades, as one with containers does.
  await lab.host.exec('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
  await lab.host.exec('nft', [
    'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p masquerade',
  ])
  return lab
}

/** What left the machine and is neither the allowed flow nor the look-up for it. */
async function strays(lab: Lab): Promise<readonly string[]> {
  const packets = await lab.uplink.packets(
    ({ destination, destinationPort }) =>
      !(destination === '198.51.100.10' && destinationPort === 7) && destination !== lab.addresses.resolver.v4,
  )
  return packets.map(
    ({ protocol, source, destination, destinationPort }) => `${protocol} ${source} ${destination} ${destinationPort}`,
  )
}

t.test('N21: stopped in the middle of a flow', { skip }, async t => {
  await using lab = await openBeatingLab()
  const run = startRun(lab, { policy, command: ['sh', '-c', beatAndAttack] })
  await run.made('beats')
  await run.made('attacked')
  run.kill('SIGSTOP')
  await lab.uplink.clear()
  const stood = run.read('beats')
  // Long enough for an attack of each kind, and for the flow, had it a way.
  await delay(2_000)
  const payloads = (await lab.uplink.packets()).filter(({ payload }) => payload.length > 0)
  t.strictSame(
    payloads.map(({ protocol, destination }) => `${protocol} ${destination}`),
    [],
    'nothing is carried',
  )
  run.kill('SIGCONT')
  await until(() => Number(run.read('beats')) > Number(stood) + 5)
  t.pass('the flow goes on')
  run.kill('SIGTERM')
  const { code } = await run.ended
  t.equal(code, 143)
  t.strictSame(await strays(lab), [])
  t.equal(run.lines().at(-1)?.event, 'sealed')
})

t.test('N21: killed in the middle of a flow', { skip }, async t => {
  await using lab = await openBeatingLab()
  const run = startRun(lab, { policy, command: ['sh', '-c', `setsid sleep 600 & ${beatAndAttack}`] })
  await run.made('beats')
  await run.made('attacked')
  run.kill('SIGKILL')
  await run.ended
  await until(() => run.processes().length === 0)
  t.pass('everything of the job has ended with it')
  await lab.uplink.clear()
  const next = startRun(lab, { policy, command: ['true'] })
  t.equal((await next.ended).code, 0)
  t.equal(await networkLeftovers(lab), '', 'the next run tidied up')
  t.strictSame(await lab.uplink.packets(), [])
  const lines = run.lines()
  t.match(lines[0], { event: 'started' }, 'the log survives')
  t.not(lines.at(-1)?.event, 'sealed', 'and does not claim to be whole')
  t.ok(lines.some(({ verdict, address }) => verdict === 'deny' && address === '203.0.113.100'))
})

for (const [mode, theirPolicy] of [
  ['block', policy],
  ['audit', auditPolicy],
] as const) {
  t.test(`N21: the rules deleted under a job in ${mode} mode`, { skip }, async t => {
    await using lab = await openBeatingLab()
    const services = await startServices(lab)
    const run = startRun(lab, {
      policy: theirPolicy,
      command: ['sh', '-c', `${beatAndAttack} & until [ -e $WORK/end ]; do sleep 0.1; done`],
    })
    await run.made('beats')
    await run.made('attacked')
    const foreign = async (): Promise<readonly string[]> =>
      (await strays(lab)).filter(line => mode === 'block' || !/^(tcp|udp) 192\.0\.2\.10 /.test(line))
    await lab.host.exec('sh', [
      '-c',
      'for t in $(nft list tables | sed -n "s/table inet \\(tidegate_.*\\)/\\1/p"); do nft delete table inet $t; done',
    ])
    await until(
      async () =>
        mode === 'audit' || (await lab.host.exec('sh', ['-c', 'ip -br link | grep "^tg.*DOWN"'])).exitCode === 0,
    )
    const visits = services.visits().length
    const stood = mode === 'block' ? run.read('beats') : ''
    await delay(2_500)
    if (mode === 'block') {
      t.equal(services.visits().length, visits, 'the machine’s services are out of reach')
      t.ok(Number(run.read('beats')) <= Number(stood) + 1, 'the job has no network')
    }
    t.strictSame(await foreign(), [], 'nothing got out by itself')
    await lab.host.exec('touch', [`${run.work}/end`])
    const { code, stderr } = await run.ended
    t.equal(code, mode === 'block' ? 125 : 0, stderr)
    t.match(stderr, /^tidegate: nft failed: /m)
    t.match(
      run.lines().filter(({ event }) => event === 'anomaly'),
      [{ details: { kind: 'ruleset-changed' } }],
    )
    t.equal(run.lines().at(-1)?.event, 'sealed')
    t.equal(await networkLeftovers(lab), '')
  })
}

t.test('N12: what is nested in the job crosses the wire like the rest', { skip }, async t => {
  await using lab = await openBeatingLab()
  const run = startRun(lab, {
    policy,
    command: [
      'sh',
      '-c',
      'readlink /proc/self/ns/net >$WORK/n; mv $WORK/n $WORK/ns; until [ -e $WORK/end ]; do sleep 0.1; done',
    ],
  })
  await run.made('ns')
  const pid = processInside(run, 'ns')
  // An engine in the job's network, as root of the machine would have it: a bridge, masquerade, a container behind it.
  const inside = `nsenter --target=${pid} --net`
  const nest = [
    `${inside} unshare --net sleep 60 & N=$!`,
    'until [ "$(cat /proc/$N/comm)" = sleep ]; do sleep 0.02; done',
    `${inside} ip link add br0 type bridge; ${inside} ip link add h0 type veth peer name eth0 netns $N; ${inside} ip link set h0 master br0`,
    `${inside} ip addr add 172.17.0.1/16 dev br0; ${inside} ip link set br0 up; ${inside} ip link set h0 up`,
    'I="nsenter --target=$N --net"; $I ip addr add 172.17.0.2/16 dev eth0; $I ip link set eth0 up; $I ip route add default via 172.17.0.1',
    `${inside} sysctl -qw net.ipv4.ip_forward=1`,
    `$I python3 ${attackFile} 'udp 203.0.113.66 9' 'tcp 203.0.113.66 2375'`,
    `${inside} nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p oifname eth0 masquerade'`,
    `$I python3 ${attackFile} 'tcp 203.0.113.67 2375' 'udp 203.0.113.53 53' 'udp 203.0.113.68 9' 'gre'`,
    'kill $N',
  ]
  const { stdout, stderr } = await lab.host.exec('sh', ['-c', nest.join('\n')])
  t.equal(stdout.split('\n').filter(line => line !== '').length, 6, stderr)
  await lab.host.exec('touch', [`${run.work}/end`])
  t.equal((await run.ended).code, 0)
  t.strictSame(await strays(lab), [])
  const lines = run.lines()
  for (const line of [
    { address: '203.0.113.66', protocol: 'udp', reason: 'malformed' },
    { address: '203.0.113.67', port: 2375, reason: 'address-literal', layer: 'tcp' },
    { address: '203.0.113.68', port: 9, reason: 'address-literal', layer: 'packet' },
  ]) {
    t.ok(
      lines.some(it => Object.entries(line).every(([key, value]) => Reflect.get(it, key) === value)),
      JSON.stringify(line),
    )
  }
})

t.test('N18: two jobs at once do not reach each other', { skip }, async t => {
  await using lab = await openBeatingLab()
  const listen =
    'ip -4 -o addr show dev eth0 | sed "s/.*inet \\([0-9.]*\\).*/\\1/" >$WORK/address; getent ahostsv4 echo.acme.test | cut -d" " -f1 | head -1 >$WORK/v; mv $WORK/v $WORK/virtual'
  const first = startRun(lab, {
    policy,
    command: [
      'sh',
      '-c',
      `${listen}; python3 -m http.server 8000 >$WORK/served 2>&1 & until [ -e $WORK/end ]; do sleep 0.1; done`,
    ],
  })
  await first.made('virtual')
  const address = first.read('address').trim()
  const gateway = address.replace(/\d+$/, last => String(Number(last) - 1))
  const virtual = first.read('virtual').trim()
  const tries = [
    `tcp ${address} 8000`,
    `udp ${address} 8000`,
    `tcp ${gateway} 8000`,
    `tcp ${virtual} 7`,
    `udp ${gateway} 53`,
    `spoofed-udp ${address}`,
    `spoofed-tcp ${address}`,
  ]
  for (const theirPolicy of [blockPolicy([]), auditPolicy]) {
    const second = startRun(lab, { policy: theirPolicy, command: ['python3', attackFile, ...tries] })
    const { code, stdout, stderr } = await second.ended
    t.equal(code, 0, stderr)
    t.notMatch(stdout, /HTTP|loot-of/)
    const lines = second.lines()
    t.ok(
      lines.some(line => line.address === address && line.port === 8000 && line.reason === 'private-address'),
      'its link',
    )
    t.ok(
      lines.some(line => line.address === virtual && line.port === 7 && line.verdict === 'deny'),
      'the name it opened',
    )
  }
  t.notMatch(first.read('served'), /GET|code/)
  await lab.host.exec('touch', [`${first.work}/end`])
  t.equal((await first.ended).code, 0)
  t.notOk(
    first.lines().some(({ address: to }) => to === '203.0.113.105' || to === '203.0.113.106'),
    'nothing of one job is in the log of the other',
  )
  t.strictSame(
    (await strays(lab)).filter(line => !/^(tcp|udp) 192\.0\.2\.10 /.test(line)),
    [],
  )
  t.equal(await networkLeftovers(lab), '')
})
