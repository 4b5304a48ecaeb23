// `serve`: policies are replaced while jobs run, and a gateway that is asked to end lets what is under way finish.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { auditPolicy, blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { networkLeftovers } from './live-run.ts'
import { until } from './machine-services.ts'
import { type Container, openServeRig, type ServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()

/** Sends SIGHUP and waits for what the gateway says of it. */
async function reload(rig: ServeRig): Promise<string> {
  const before = rig.log().length
  rig.kill('SIGHUP')
  const said = (): string =>
    rig
      .log()
      .slice(before)
      .map(({ msg }) => String(msg))
      .find(msg => msg.startsWith('policies')) ?? ''
  await until(() => said() !== '')
  return said()
}

async function code(container: Container, url: string): Promise<string> {
  return (await container.sh(`curl -sm8 -o /dev/null -w '%{http_code}' ${url}`)).stdout
}

t.test('SIGHUP: new policies hold for the jobs that run; a fault keeps the old ones and says so', { skip }, async t => {
  await using lab = await openLab()
  const before = trusting(lab, blockPolicy(['https://api.acme.test']))
  const after = trusting(lab, blockPolicy(['https://files.acme.test']))
  const more = 'jobs: { "*": {} }\nadmin: 127.0.0.1:9464\n'
  await using rig = await openServeRig(lab, { policies: { build: before, other: before }, more })
  const [one, two] = [await rig.container('one'), await rig.container('two')]
  t.equal((await one.link('--policy', 'build')).exitCode, 0)
  t.equal((await two.link('--policy', 'other')).exitCode, 0)
  t.strictSame([await code(one, 'https://api.acme.test/'), await code(one, 'https://files.acme.test/')], ['200', '000'])

  rig.policy('build', 'version: 1\nmode: block\nallow: [nonsense!]\n')
  t.equal(await reload(rig), 'policies not reloaded: those of before stay in force')
  const metrics = async (): Promise<string> => (await lab.host.exec('curl', ['-s', '127.0.0.1:9464/metrics'])).stdout
  t.match(await metrics(), /^tidegate_policies_current 0$/m)
  t.strictSame([await code(one, 'https://api.acme.test/'), await code(one, 'https://files.acme.test/')], ['200', '000'])

  rig.policy('build', after)
  t.equal(await reload(rig), 'policies reloaded')
  t.match(await metrics(), /^tidegate_policies_current 1$/m)
  t.strictSame([await code(one, 'https://api.acme.test/'), await code(one, 'https://files.acme.test/')], ['000', '200'])
  t.strictSame([await code(two, 'https://api.acme.test/'), await code(two, 'https://files.acme.test/')], ['200', '000'])
  rig.kill('SIGTERM')
  t.equal(await rig.ended, 0)
  const changes = rig.lines('one').filter(({ event }) => event === 'policy-changed')
  t.match(changes, [{ details: { by: 'reload', mode: 'block' } }])
  t.strictSame(
    rig.lines('two').filter(({ event }) => event === 'policy-changed'),
    [],
    'the same policy is no change',
  )
})

t.test('N19: a flow that is open is decided again, and cut when it is denied now: TCP and UDP', { skip }, async t => {
  await using lab = await openLab()
  const open = trusting(lab, blockPolicy(['tcp://lab.test:7', 'udp://lab.test:7', 'https://api.acme.test']))
  await using rig = await openServeRig(lab, { policies: { build: open } })
  const container = await rig.container('one')
  t.equal((await container.link('--policy', 'build')).exitCode, 0)
  const talks = ['SOCK_STREAM', 'SOCK_DGRAM'].map(kind => startTalk(container, kind))
  for (const talk of talks) await until(() => talk.heard().includes('0'))
  rig.policy('build', trusting(lab, blockPolicy(['https://api.acme.test'])))
  t.equal(await reload(rig), 'policies reloaded')
  for (const talk of talks) t.match(await talk.ended, /over: /, 'it is cut')
  t.equal(await code(container, 'https://api.acme.test/'), '200', 'the rest goes on')
  rig.kill('SIGTERM')
  await rig.ended
  for (const layer of ['tcp', 'udp'])
    t.match(
      rig.lines('one').filter(line => line.layer === layer && line.port === 7 && (line.bytesReceived ?? 0) > 0),
      [{ verdict: 'deny', error: 'POLICY_CHANGED', bytesSent: Number }],
      layer,
    )
})

t.test(
  'audit becomes block while a job runs: from then on it is refused, and the packet rules follow',
  { skip },
  async t => {
    await using lab = await openLab()
    await using rig = await openServeRig(lab, { policies: { build: trusting(lab, auditPolicy) } })
    const container = await rig.container('one')
    t.equal((await container.link('--policy', 'build')).exitCode, 0)
    const ask =
      "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(('203.0.113.66', 9)); s.send(b'secret'); s.recv(9)\""
    t.equal(await code(container, 'https://api.acme.test/'), '200')
    await container.sh(ask)
    t.not((await lab.sink.lines()).length, 0, 'audit carries it')
    rig.policy('build', trusting(lab, blockPolicy([])))
    t.equal(await reload(rig), 'policies reloaded')
    await lab.sink.clear()
    t.equal(await code(container, 'https://api.acme.test/'), '000')
    t.match((await container.sh(ask)).stderr, 'ConnectionRefused', 'the kernel refuses at once')
    t.strictSame(await lab.sink.lines(), [])
    rig.policy('build', trusting(lab, auditPolicy))
    t.equal(await reload(rig), 'policies reloaded')
    t.equal(await code(container, 'https://api.acme.test/'), '200', 'and back')
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    t.strictSame(
      rig.lines('one').filter(({ event }) => event === 'anomaly'),
      [],
      'our own hand on the rules is not taken for another’s',
    )
  },
)

t.test(
  'SIGTERM: what is under way goes on for a while, nothing new begins, every record is sealed',
  { skip },
  async t => {
    await using lab = await openLab()
    const build = trusting(lab, blockPolicy(['https://api.acme.test']))
    await using rig = await openServeRig(lab, { policies: { build } })
    const container = await rig.container('one')
    t.equal((await container.link('--policy', 'build')).exitCode, 0)
    const slow = container.sh("curl -sm20 -o /dev/null -w '%{http_code}' https://api.acme.test/slow/400")
    await lab.origins.next({ path: '/slow/400' }, 10_000)
    rig.kill('SIGTERM')
    t.equal((await slow).stdout, '200', 'the answer still came')
    t.equal(await rig.ended, 0)
    t.equal(rig.lines('one').at(-1)?.event, 'sealed')
    t.equal(await networkLeftovers(lab), '')
  },
)

/** A conversation that goes on until it is cut: one number a tenth of a second, to the echo port and back. */
function startTalk(container: Container, kind: string) {
  const script = `
import socket, time
s = socket.socket(socket.AF_INET, socket.${kind}); s.settimeout(3); s.connect(("lab.test", 7))
n = 0
try:
    while n < 200:
        s.send(str(n).encode()); got = s.recv(9)
        if not got: raise EOFError()
        print(got.decode(), flush=True); n += 1; time.sleep(0.1)
except (OSError, EOFError) as why: print("over:", repr(why), flush=True)`
  const child = spawn('nsenter', ['-t', String(container.pid), '-n', '-m', 'python3', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (part: Buffer) => (said += part.toString()))
  return { heard: () => said.split('\n'), ended: text(child.stdout).then(() => said) }
}
