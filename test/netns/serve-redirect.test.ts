// Kernels without TPROXY: connections come in with their destination rewritten, and are asked where they meant to go.
import t from 'tap'
import { auditPolicy, blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { networkLeftovers } from './live-run.ts'
import { until } from './machine-services.ts'
import { gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const more = 'jobs: { "*": {} }\nsteering: redirect\nadmin: 0.0.0.0:9464\n'

t.test(
  'redirection: what is allowed passes, what is not is refused, by the name and address that was meant',
  { skip },
  async t => {
    await using lab = await openLab({ services: ['origins', 'metadata'] })
    const build = trusting(lab, blockPolicy(['https://api.acme.test', 'tcp://lab.test:7', 'tcp://198.51.100.10:2525']))
    await using rig = await openServeRig(lab, { policies: { build }, more })
    t.match(rig.log(), [{ msg: 'ready', steering: 'redirect' }])
    const container = await rig.container('one')
    const linked = await container.link('--policy', 'build')
    t.equal(linked.exitCode, 0, linked.stderr)

    const talk = (host: string, port: number, say: string): string =>
      `python3 -c 'import socket; s = socket.create_connection(("${host}", ${port}), 5); s.send(b"${say}"); print(s.recv(64).decode().strip())'`
    const passes: readonly (readonly [sentence: string, command: string, says: RegExp])[] = [
      ['HTTPS to a name', 'curl -sSf https://api.acme.test/echo', /"method": ?"GET"/],
      ['HTTP/2 too', "curl -sSf -o /dev/null -w '%{http_version}' https://api.acme.test/", /^2$/],
      ['TCP to a name', talk('lab.test', 7, 'hello'), /^hello$/m],
      ['TCP to an address that a rule names', talk('198.51.100.10', 2525, 'x'), /^220 lab ready$/m],
      [
        'DNS over TCP',
        'python3 - <<X\nimport socket,struct\nq=b"\\x00\\x01\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x03api\\x04acme\\x04test\\x00\\x00\\x01\\x00\\x01"\ns=socket.create_connection(("203.0.113.53",53),5)\ns.send(struct.pack("!H",len(q))+q)\nprint(len(s.recv(512)) > 40)\nX',
        /^True$/m,
      ],
    ]
    for (const [sentence, command, says] of passes) {
      const { stdout, stderr } = await container.sh(command)
      t.match(stdout, says, `${sentence}: ${stderr}`)
    }
    const many = await container.sh(
      'seq 60 | xargs -P20 -I{} curl -sSf -o /dev/null -w "%{http_code}\\n" https://api.acme.test/bytes/2000 | sort | uniq -c',
    )
    t.match(many.stdout, /^ *60 200\n$/, `many at once: ${many.stderr}`)
    const refused: readonly (readonly [sentence: string, command: string])[] = [
      ['N1: an address literal', 'curl -skm5 https://203.0.113.66/'],
      [
        'T1: an allowed name at another address',
        'curl -skm5 --connect-to api.acme.test:443:203.0.113.66:443 https://api.acme.test/',
      ],
      ['N16: metadata', 'curl -sm5 http://169.254.169.254/latest/meta-data/'],
      ['N17: a neighbour', 'curl -sm5 http://192.0.2.20/'],
      ['N18: the gateway itself', 'curl -sm5 http://198.19.0.1/'],
      ['another port of an allowed name', talk('lab.test', 9, 'secret')],
      [
        'T6: QUIC',
        "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'secret', ('203.0.113.66', 443))\"",
      ],
      ['N4: a ping', 'ping -c1 -W1 203.0.113.66'],
    ]
    for (const [sentence, command] of refused)
      t.notMatch((await container.sh(command)).stdout, /secret|ami-id|220/, sentence)
    const [, gateway = ''] = /via (\S+)/.exec((await container.exec('ip', ['route'])).stdout) ?? []
    for (const address of ['192.0.2.10', gateway, '127.0.0.1'])
      t.notMatch((await container.sh(`curl -sm5 http://${address}:9464/metrics`)).stdout, 'tidegate_jobs', address)
    const ports = (await lab.host.exec('ss', ['-Hltn', 'src', gateway])).stdout.match(/:(\d+) /g) ?? []
    t.equal(ports.length, 2, 'the door and DNS over TCP')
    for (const port of ports) await container.sh(`curl -sm5 http://${gateway}${port.trim()}/`)
    t.strictSame(await lab.sink.lines(), [])
    await container.kill()
    await gone(rig, 'one')
    const lines = rig.lines('one')
    t.match(
      lines.filter(({ address }) => address === '203.0.113.66').map(({ verdict }) => verdict),
      lines.filter(({ address }) => address === '203.0.113.66').map(() => 'deny'),
    )
    t.ok(
      lines.some(
        ({ address, port, reason }) => address === '203.0.113.66' && port === 443 && reason === 'address-literal',
      ),
    )
    t.ok(
      lines.some(({ layer, protocol, port }) => layer === 'packet' && protocol === 'udp' && port === 443),
      'QUIC is counted',
    )
    t.strictSame(
      lines.filter(({ event }) => event === 'anomaly'),
      [],
    )
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    t.equal(await networkLeftovers(lab), '')
  },
)

t.test('redirection: a policy with UDP rules is refused, as it cannot be carried out', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const policies = { build: blockPolicy(['udp://time.test:123']), plain: blockPolicy([]) }
  await using rig = await openServeRig(lab, { policies, more })
  const container = await rig.container('one')
  const { exitCode, stderr } = await container.link('--policy', 'build')
  t.equal(exitCode, 125)
  t.match(stderr, 'STEERING_UNSUPPORTED')
  t.equal(await networkLeftovers(lab), '')
  t.equal((await container.link('--policy', 'plain')).exitCode, 0)
  rig.policy('plain', blockPolicy(['udp://time.test:123']))
  rig.kill('SIGHUP')
  await until(() => rig.log().some(({ msg }) => String(msg).startsWith('policies not reloaded')))
  t.match(rig.log().at(-1), { error: 'STEERING_UNSUPPORTED' })
})

t.test('N21: redirection: killed, the gateway leaves no way out', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { audit: trusting(lab, auditPolicy) }, more })
  const container = await rig.container('one')
  t.equal((await container.link('--policy', 'audit')).exitCode, 0)
  t.equal((await container.sh('curl -sSf -o /dev/null https://files.acme.test/')).exitCode, 0, 'audit carries it')
  await lab.sink.clear()
  rig.kill('SIGKILL')
  await rig.ended
  for (const attempt of ['curl -sm2 https://api.acme.test/', 'curl -skm2 https://203.0.113.66/'])
    t.not((await container.sh(attempt)).exitCode, 0, attempt)
  // In audit the kernel answers pings by itself.
  await container.sh('ping -c1 -W1 203.0.113.66')
  t.strictSame(await lab.sink.lines(), [])
})
