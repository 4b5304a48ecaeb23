// What a run is started from: a terminal, a machine with settings of its own, another run.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from './left-behind.ts'
import { startRun } from './live-run.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const terminalFile = fileURLToPath(new URL('lifecycle-terminal.py', import.meta.url))
const policy = blockPolicy(['https://api.acme.test', 'tcp://echo.acme.test:7'])

/** The command line of a run in this lab. */
function runOf(lab: Lab, command: readonly string[]): readonly string[] {
  writeFileSync(lab.file('policy.yaml'), policy)
  return [tidegate, 'run', '--policy', lab.file('policy.yaml'), '--out', lab.file('out'), '--', ...command]
}

async function atTerminal(lab: Lab, keys: string, script: string) {
  const { stdout, stderr } = await lab.host.exec('python3', [terminalFile, keys, ...runOf(lab, ['sh', '-c', script])], {
    env: { TERM: 'xterm' },
  })
  if (stdout === '') throw new Error(stderr)
  const outcome: { readonly shown: string; readonly code: number } = JSON.parse(stdout)
  return outcome
}

t.test('at a terminal the command has it', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const { shown, code } = await atTerminal(
    lab,
    'typed\\n',
    'test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; echo ready; read word; echo "got $word"; exit 6',
  )
  t.equal(code, 6, shown)
  t.match(shown, /terminal\r\n33 77\r\nready/)
  t.match(shown, /got typed/)
})

t.test('Ctrl-C reaches the command once, and the record is sealed', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const count = 'trap "echo interrupted" INT; echo ready; sleep 0.4; sleep 0.4; sleep 0.4; exit 8'
  const { shown, code } = await atTerminal(lab, '\\x03', count)
  t.equal(code, 8, shown)
  t.equal(shown.match(/interrupted/g)?.length, 1, shown)
  const ended = await atTerminal(lab, '\\x03', 'echo ready; exec sleep 60')
  t.equal(ended.code, 130, ended.shown)
  t.match(ended.shown, /sealed/)
  t.equal(await leftBehind(lab), '')
})

t.test('a job does not type into the terminal it was given', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const typing = `import fcntl, sys
for request in 0x5412, 0x541c, 0x100005412:
    try: print(fcntl.ioctl(0, request & 0xffffffff, b"x"), "could")
    except OSError as error: print(error.strerror)
print("ready")`
  const { shown } = await atTerminal(lab, '', `python3 -c '${typing}'`)
  t.equal(shown.match(/Operation not permitted/g)?.length, 3, shown)
  t.notMatch(shown, /could/)
})

const settings: readonly (readonly [sentence: string, script: string])[] = [
  ['that checks where packets come from', 'sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1'],
  [
    'that forwards, with all that container engines set',
    'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1 net.ipv6.conf.all.forwarding=1',
  ],
  ['without IPv6', 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1'],
  [
    'whose kernel logs what is strange and answers nothing',
    'sysctl -qw net.ipv4.conf.all.log_martians=1 net.ipv4.icmp_echo_ignore_all=1 net.ipv4.conf.all.arp_ignore=8',
  ],
  [
    'that hears no early socket',
    'sysctl -qw net.ipv4.ip_early_demux=0 net.ipv4.tcp_early_demux=0 net.ipv4.udp_early_demux=0',
  ],
  [
    'with an engine’s published ports, and DNS among them',
    `nft 'add table ip nat; add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }
      add rule ip nat PREROUTING fib daddr type local tcp dport { 7, 443, 53 } dnat to 203.0.113.66
      add rule ip nat PREROUTING udp dport 53 dnat to 203.0.113.66
      add chain ip nat POSTROUTING { type nat hook postrouting priority srcnat; }; add rule ip nat POSTROUTING masquerade'`,
  ],
  [
    'with a firewall that lets the wire in',
    `nft 'add table inet fw; add chain inet fw in { type filter hook input priority filter; policy drop; }
      add rule inet fw in ct state established,related accept; add rule inet fw in iif lo accept
      add rule inet fw in iifname "tg*" accept
      add chain inet fw through { type filter hook forward priority filter; policy drop; }'`,
  ],
  [
    'with rules of routing of its own',
    'ip rule add pref 100 lookup 100; ip route add default dev lo table 200; ip rule add pref 5 fwmark 7 lookup 200',
  ],
  [
    'with the wire’s favourite networks in use',
    'ip link add d0 type veth peer name d1; ip addr add 198.19.0.1/17 dev d0; ip link set d0 up; ip link set d1 up',
  ],
]

t.test('a run works on a machine', { skip }, async t => {
  await using lab = await openLab()
  await lab.serve('echo.acme.test', { v4: '198.51.100.10' })
  const before = [
    'nft list ruleset',
    'ip rule',
    'ip route show table all',
    'sysctl -a 2>/dev/null | grep -e "net.ipv[46].conf.\\(all\\|default\\|lo\\|up0\\)" -e forward',
  ]
  const look = async (): Promise<string> => (await lab.host.exec('sh', ['-c', before.join('; ')])).stdout
  for (const [sentence, script] of settings) {
    await t.test(sentence, async t => {
      const made = await lab.host.exec('sh', ['-ec', script])
      t.equal(made.exitCode, 0, made.stderr)
      const was = await look()
      const work =
        'import socket; s = socket.create_connection(("echo.acme.test", 7), 5); s.send(b"works"); print(s.recv(9).decode())'
      const refused = 'curl -sm5 -o /dev/null -w "%{http_code}" http://203.0.113.66/'
      const [file = '', ...args] = runOf(lab, ['sh', '-c', `python3 -c '${work}'; ${refused}`])
      const { exitCode, stdout, stderr } = await lab.host.exec(file, args)
      t.equal(exitCode, 0, stderr)
      t.equal(stdout, 'works\n403', stderr)
      t.equal(await look(), was, 'and leaves it as it was')
      t.strictSame(await lab.sink.lines(), [])
      const undo =
        'nft flush ruleset; ip link del d0; ip rule del pref 100; ip rule del pref 5; ip route flush table 200; sysctl -qw net.ipv6.conf.all.disable_ipv6=0'
      await lab.host.exec('sh', ['-c', `${undo} 2>/dev/null`])
    })
  }
  t.equal(await leftBehind(lab), '')
})

t.test('a firewall that does not let the wire in: it is said which interface', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  await lab.host.exec('nft', [
    'add table inet fw; add chain inet fw in { type filter hook input priority filter; policy drop; }; add rule inet fw in iif lo accept',
  ])
  const [file = '', ...args] = runOf(lab, ['true'])
  const { exitCode, stderr } = await lab.host.exec(file, args)
  t.equal(exitCode, 125)
  t.match(
    stderr.split('\n')[0],
    /^tidegate: the wire is not proved: .*firewall.* tg[0-9a-f]{4}/,
    'the line that a user can act on',
  )
  t.equal(await leftBehind(lab), '')
})

t.test('a run inside a run is refused in one line', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const inner = startRun(lab, { policy, command: runInside(lab) })
  const { code, stderr } = await inner.ended
  t.equal(code, 125)
  t.match(stderr, /^tidegate: laying the wire needs root with .*NET_ADMIN.*\n/)
  t.equal(inner.lines().at(-1)?.event, 'sealed', 'the outer one ends as usual')
  t.equal(await leftBehind(lab), '')
})

function runInside(lab: Lab): readonly [string, ...string[]] {
  const [file = '', ...args] = runOf(lab, ['true'])
  return [file, ...args]
}
