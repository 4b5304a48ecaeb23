import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { attackFile, attacks, rigFile, type RigOptions, runRig } from './packet-rig-types.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const policy = 'version: 1\nmode: block\nallow: []\n'
const everything = [
  'tcp 203.0.113.66 443',
  'udp 203.0.113.66 443',
  'udp 203.0.113.53 53',
  'echo 203.0.113.66',
  'protocol 47',
]

interface Ready {
  readonly table: string
  readonly device: string
  readonly initPid: number
}

/** Starts the rig with a job that goes on, and waits until that runs. */
async function startRig(lab: Lab, options: RigOptions) {
  const rig = lab.host.spawn(process.execPath, [rigFile, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [message]: { ready: Ready }[] = await once(rig, 'message', { signal: AbortSignal.timeout(15_000) })
  if (message === undefined) throw new Error('the rig said nothing')
  return { rig, ...message.ready }
}

/** Waits for what the kernel does in its own time, at most 5 s. */
async function eventually(holds: () => Promise<boolean> | boolean): Promise<boolean> {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await delay(20)) if (await holds()) return true
  return false
}

async function leftovers(lab: Lab): Promise<string> {
  const look = [
    'nft list tables',
    'ip rule | grep -v "lookup [lmd]"',
    'ip -br link | grep ^tg',
    'ip route show table all | grep tg',
  ]
  const { stdout } = await lab.host.exec('sh', ['-c', look.join('; ')])
  return stdout
}

t.test('N21: the gateway killed takes the job with it, and the next run tidies up', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const loop = `while :; do python3 ${attackFile} 'tcp 203.0.113.66 443' 'udp 203.0.113.66 443'; done`
  const { rig, table, device, initPid } = await startRig(lab, { policy, command: ['sh', '-c', loop] })
  t.match(await leftovers(lab), table)
  rig.kill('SIGKILL')
  await once(rig, 'exit')
  t.equal(await eventually(() => !existsSync(`/proc/${initPid}`)), true, 'process 1 of the job is gone')
  t.equal(await eventually(async () => !(await leftovers(lab)).includes(`${device}@`)), true, 'and so is the wire')
  const next = await runRig(lab.host, { policy, command: ['true'] })
  t.strictSame(next.swept, [device.slice(2)])
  t.equal(await leftovers(lab), '', 'nothing is left of either')
  t.strictSame(await lab.sink.lines(), [])
})

t.test('N21: while the gateway is stopped nothing passes, and afterwards it goes on', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const command = ['sh', '-c', `sleep 0.5; exec python3 ${attackFile} '${everything.join("' '")}'`] as const
  const { rig } = await startRig(lab, { policy, command: [command[0], ...command.slice(1)] })
  rig.kill('SIGSTOP')
  await delay(1_500)
  t.strictSame(await lab.sink.lines(), [])
  t.strictSame(await lab.uplink.packets(), [])
  rig.kill('SIGCONT')
  const [code] = await once(rig, 'exit')
  t.equal(code, 0)
  t.strictSame(await lab.uplink.packets(), [])
})

t.test(
  'the rules flushed on a machine that forwards and masquerades: still nothing gets out, and it is noticed',
  { skip },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    const outcome = await runRig(lab.host, {
      policy,
      command: attacks(...everything, 'tcp6 2001:db8:66::66 443', 'packet-v6'),
      asHost: [
        'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1',
        "nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p masquerade'",
        'nft flush table inet $(nft list tables | sed -n "s/table inet \\(tidegate_.*\\)/\\1/p")',
      ],
      readLedger: false,
    })
    t.equal(outcome.failed?.message, undefined)
    t.equal(outcome.intact, false)
    t.strictSame(await lab.sink.lines(), [])
    t.strictSame(await lab.uplink.packets(), [])
  },
)

t.test(
  'N19, N20: the job is not started before the wire is proved: a firewall of the machine drops its packets',
  { skip },
  async t => {
    await using lab = await openLab({ services: [] })
    await lab.host.exec('nft', [
      'add table inet fw; add chain inet fw in { type filter hook input priority 10; policy drop; }',
    ])
    const outcome = await runRig(lab.host, { policy, command: ['echo', 'started'] })
    t.equal(outcome.failed?.code, 'WIRE_NOT_PROVED')
    t.match(outcome.failed?.details['check'], /./)
    t.equal(outcome.stdout, undefined, 'the command has said nothing')
    await lab.host.exec('nft', ['delete', 'table', 'inet', 'fw'])
    t.equal(await leftovers(lab), '', 'a start that fails leaves nothing')
  },
)

t.test('jobs at the same time have wires of their own, and leave nothing', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const outcomes = await Promise.all(
    ['203.0.113.1', '203.0.113.2'].map(address => runRig(lab.host, { policy, command: attacks(`tcp ${address} 443`) })),
  )
  t.strictSame(
    outcomes.map(({ arrivals }) => arrivals.map(({ to }) => to)),
    [['203.0.113.1:443'], ['203.0.113.2:443']],
  )
  t.not(outcomes[0]?.environment['JOB'], outcomes[1]?.environment['JOB'])
  t.equal(await leftovers(lab), '')
  t.ok(outcomes.every(({ provedMs }) => provedMs > 0))
})
