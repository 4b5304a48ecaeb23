import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { attackFile, runRig, type RigOptions } from './packet-rig-types.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const policy = 'version: 1\nmode: block\nallow: []\n'

async function inJob(lab: Lab, script: string, options: Partial<RigOptions> = {}) {
  const outcome = await runRig(lab.host, { policy, command: ['sh', '-c', script], ...options })
  if (outcome.failed !== undefined) throw new Error(outcome.failed.message)
  return outcome
}

t.test('a job ends as under a shell', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const cases: readonly (readonly [string, string, { code: number; signal: string | null }])[] = [
    ['an exit code is kept', 'exit 7', { code: 7, signal: null }],
    ['a signal is 128 and its number', 'kill -TERM $$', { code: 143, signal: 'SIGTERM' }],
    ['children left behind end with it', 'sleep 60 & exit 0', { code: 0, signal: null }],
  ]
  for (const [sentence, script, expected] of cases) {
    const { exited } = await inJob(lab, `exec >/dev/null 2>&1; ${script}`)
    t.strictSame(exited, expected, sentence)
  }
})

t.test('a job has its environment byte for byte, its folder, and no descriptor but three', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const env = { 'INPUT_DRY-RUN': 'yes', 'npm_config_//x.test/:_auth': 'a b\n"c' }
  const { stdout } = await inJob(lab, '', {
    command: [
      'python3',
      '-c',
      'import json, os; print(json.dumps([dict(os.environ), os.getcwd(), sorted(os.listdir("/proc/self/fd"))]))',
    ],
    env,
    cwd: '/usr/share',
  })
  const [seen, cwd, descriptors]: unknown[] = JSON.parse(stdout)
  t.match(seen, env)
  t.equal(cwd, '/usr/share')
  t.strictSame(descriptors, ['0', '1', '2', '3'], 'the fourth is the listing itself')
})

t.test('N10, N11: a job cannot change its network, nor leave it', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const forbidden = [
    'ip link add d0 type veth',
    'ip addr flush dev eth0',
    'ip route add 192.0.2.0/24 dev eth0',
    'setpriv --bounding-set +net_admin --inh-caps +net_admin ip link add d0 type veth',
    'nft list ruleset',
    'mount -t tmpfs x /mnt',
    'umount /run',
    'mknod /tmp/tidegate-node c 1 5',
    'nsenter -t 1 -n true',
    'nsenter -t 1 -m true',
    'echo x >/proc/sys/kernel/core_pattern',
    'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6',
    'echo x >/sys/kernel/uevent_helper',
  ]
  const script = forbidden.map(line => `sh -c '${line}' >/dev/null 2>&1 && echo 'could: ${line}'`).join('\n')
  const { stdout, exited } = await inJob(lab, `${script}\necho tried`)
  t.equal(stdout, 'tried\n', 'none of it works')
  t.equal(exited.code, 0)
})

t.test('N11: a network namespace made in the job leads nowhere', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const { stdout, arrivals } = await inJob(
    lab,
    `unshare -Urn sh -c "ip link set lo up; python3 ${attackFile} 'tcp 203.0.113.66 443'"`,
  )
  t.equal(stdout, '"ENETUNREACH"\n')
  t.strictSame(arrivals, [])
})

t.test('N12: what is nested in the job and masqueraded by it crosses the wire like the rest', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  const nest = [
    'nsenter -t ${INIT_PID} -n unshare -n sleep 8 >/dev/null 2>&1 & N=$!',
    'until [ "$(readlink /proc/$N/ns/net)" != "$(readlink /proc/${INIT_PID}/ns/net)" ] && [ "$(cat /proc/$N/comm)" = sleep ]; do sleep 0.02; done',
    'J="nsenter -t ${INIT_PID} -n"; I="nsenter -t $N -n"',
    '$J ip link add br0 type veth peer name eth0 netns $N; $J ip addr add 172.17.0.1/16 dev br0; $J ip link set br0 up',
    '$I ip addr add 172.17.0.2/16 dev eth0; $I ip link set eth0 up; $I ip route add default via 172.17.0.1',
    '$J sysctl -qw net.ipv4.ip_forward=1',
    `$I python3 ${attackFile} 'udp 203.0.113.66 9'`,
    `$J nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p oifname eth0 masquerade'`,
    `$I python3 ${attackFile} 'tcp 203.0.113.66 2375' 'udp 203.0.113.66 53'`,
    'kill $N',
  ]
  const { arrivals, events } = await inJob(lab, 'true', { asHost: [nest.join('\n')] })
  t.match(arrivals, [{ kind: 'door', to: '203.0.113.66:2375' }, { kind: 'dns-udp' }])
  t.match(
    events,
    [{ reason: 'malformed', verdict: 'deny', address: '203.0.113.66' }],
    'without masquerade it is a foreign source',
  )
  t.strictSame(await lab.sink.lines(), [])
})

t.test('N13: sockets of the machine’s services are out of reach, from the working folder too', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const folders = ['/run/tidegate-test-', '/tmp/tidegate-test-'].map(prefix => mkdtempSync(prefix))
  const paths = folders.map(folder => `${folder}/docker.sock`)
  const servers = paths.map(path => createServer(socket => socket.end('engine')).listen(path))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const cwd = `${folders[0]}/workspace`
  mkdirSync(cwd)
  const connect = `import socket, sys
for path in sys.argv[1:]:
    try:
        s = socket.socket(socket.AF_UNIX); s.connect(path); print(s.recv(9).decode())
    except OSError: print('closed')`
  const { stdout } = await inJob(lab, '', {
    command: ['python3', '-c', connect, ...paths, '../docker.sock', '../../tidegate/../docker.sock'],
    cwd,
  })
  t.equal(stdout, 'closed\n'.repeat(4))
  for (const server of servers) server.close()
  for (const folder of folders) rmSync(folder, { recursive: true })
})

t.test('a job sees a resolver, processes and interfaces of its own', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const { stdout, environment } = await inJob(
    lab,
    'grep nameserver /etc/resolv.conf; ls /sys/class/net | tr "\\n" " "; ls /proc | grep -c "^[0-9]"; touch /run/tidegate/x 2>/dev/null || echo read-only',
  )
  const [resolver, rest, last] = stdout.trim().split('\n')
  t.equal(resolver, `nameserver ${environment['GATEWAY']}`)
  t.match(rest, /^eth0 lo \d$/)
  t.equal(last, 'read-only')
})
