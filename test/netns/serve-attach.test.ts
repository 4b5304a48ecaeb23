// `serve`: what is refused, what is undone, and that nothing half-made stays.
import { existsSync, statSync } from 'node:fs'
import t from 'tap'
import { blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { networkLeftovers } from './live-run.ts'
import { until } from './machine-services.ts'
import { gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const build = blockPolicy(['https://api.acme.test'])

t.test('bad requests are refused in a line each, and leave nothing', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const more = 'jobs: { "ci-*": {}, "*-xy": {}, fixed: { policy: policies/build.yaml } }\nlimits: { jobs: 2 }\n'
  await using rig = await openServeRig(lab, { policies: { build, other: build }, more })
  t.equal(statSync(rig.control).mode & 0o777, 0o600)
  using line = await rig.connect()
  const cases: readonly (readonly [sentence: string, request: object, code: string])[] = [
    ['no operation', {}, 'REQUEST_INVALID'],
    ['an unknown one', { op: 'open' }, 'REQUEST_INVALID'],
    ['a name that is a path', { op: 'attach', job: '../etc' }, 'REQUEST_INVALID'],
    ['a key that nobody knows', { op: 'attach', job: 'ci-1', privileged: true }, 'REQUEST_INVALID'],
    ['a job that no entry admits', { op: 'attach', job: 'nightly', policy: 'build' }, 'JOB_NOT_ALLOWED'],
    ['a job that two patterns match alike', { op: 'attach', job: 'ci-xy', policy: 'build' }, 'JOB_NOT_ALLOWED'],
    ['a job without a policy', { op: 'attach', job: 'ci-1' }, 'JOB_NOT_ALLOWED'],
    ['a policy that is not there', { op: 'attach', job: 'ci-1', policy: 'nothing' }, 'POLICY_UNKNOWN'],
    ['another policy than the fixed one', { op: 'attach', job: 'fixed', policy: 'other' }, 'JOB_NOT_ALLOWED'],
    ['a proof without an attach', { op: 'proved', job: 'ci-1', checks: ['x'] }, 'JOB_UNKNOWN'],
    ['the end of a job that is not there', { op: 'detach', job: 'ci-1' }, 'JOB_UNKNOWN'],
  ]
  for (const [sentence, request, code] of cases)
    t.match(await line.ask({ ...request }), { ok: false, code, error: String }, sentence)
  t.equal(await networkLeftovers(lab), '')
  t.strictSame(await line.ask({ op: 'status' }), { ok: true, jobs: [] })

  t.match(await line.ask({ op: 'attach', job: 'ci-1', policy: 'build', netns: 'net:[1]' }), { ok: true })
  using other = await rig.connect()
  t.match(
    await other.ask({ op: 'attach', job: 'ci-1', policy: 'build' }),
    { code: 'JOB_EXISTS' },
    'two inits for one job',
  )
  t.match(await other.ask({ op: 'attach', job: 'ci-2', policy: 'build', netns: 'net:[1]' }), {
    code: 'JOB_EXISTS',
    error: /ci-1/,
  })
  t.match(await other.ask({ op: 'proved', job: 'ci-1', checks: ['x'] }), { code: 'JOB_UNKNOWN' }, "another's attach")
  t.match(await other.ask({ op: 'attach', job: 'ci-3', policy: 'build' }), { ok: true })
  t.match(await other.ask({ op: 'attach', job: 'ci-4', policy: 'build' }), { code: 'LIMIT_REACHED' })
  t.match(await other.ask({ op: 'detach', job: 'ci-3' }), { ok: true })
})

t.test('a line that is no request ends the connection when it cannot be read on', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  await using rig = await openServeRig(lab, { policies: { build } })
  using line = await rig.connect()
  line.send('not json\n')
  t.match(await line.next(), { ok: false, code: 'REQUEST_INVALID' })
  line.send(`${' '.repeat(70_000)}\n`)
  t.match(await line.next(), { ok: false, code: 'REQUEST_INVALID' })
  t.equal(await line.next(), undefined, 'closed')
  t.match(await (await rig.connect()).ask({ op: 'status' }), { ok: true })
})

t.test('an init that goes away before the proof leaves nothing behind', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, build) } })
  const container = await rig.container('one')
  {
    using line = await rig.connect()
    const reply = await line.ask({ op: 'attach', job: 'one', policy: 'build' })
    t.match(reply, { ok: true, plan: { jobDevice: 'eth0', prefixLength: 30, mode: 'block' } })
    const { device, gatewayPid, gatewayMac } = Object(reply['plan'])
    t.not(await networkLeftovers(lab), '', 'table, rule and routes are there before the device is')
    const lay = `ip link add eth0 type veth peer name ${device} address ${gatewayMac} netns ${gatewayPid}`
    t.equal((await container.asInit(lay)).exitCode, 0)
    await until(async () => (await lab.host.exec('ip', ['-br', 'link', 'show', device])).stdout.includes('UP'))
  }
  await gone(rig, 'one')
  t.equal(await networkLeftovers(lab), '')
  t.equal((await container.exec('ip', ['-br', 'link'])).stdout.split('\n').length, 2, 'only lo')
  t.match(rig.lines('one'), [
    { event: 'started' },
    { event: 'anomaly', details: { kind: 'not-proved' } },
    { event: 'sealed' },
  ])
  t.equal(existsSync(`${rig.runFolder('one')}/ca.crt`), false)
  t.equal((await container.link('--policy', 'build')).exitCode, 0, 'the next init finds the way free')
})

t.test(
  'a wire that does not come, or is not the one that was planned, is given up with a reason',
  { skip },
  async t => {
    await using lab = await openLab({ services: [] })
    await using rig = await openServeRig(lab, { policies: { build } })
    using late = await rig.connect()
    t.match(await late.ask({ op: 'attach', job: 'late', policy: 'build', waitMs: 300 }), { ok: true })
    t.match(await late.next(), { ok: false, code: 'WIRE_NOT_PROVED' })
    t.equal(await late.next(), undefined, 'and the connection is closed')

    const container = await rig.container('wrong')
    using line = await rig.connect()
    const { plan } = await line.ask({ op: 'attach', job: 'wrong', policy: 'build' })
    const { device, gatewayPid } = Object(plan)
    await container.asInit(
      `ip link add eth0 type veth peer name ${device} address 02:00:00:00:00:01 netns ${gatewayPid}`,
    )
    t.match(await line.next(), { ok: false, code: 'LINK_FAILED' })
    await gone(rig, 'wrong')
    t.equal(await networkLeftovers(lab), '')
  },
)

t.test('a wire laid after its attach was undone is swept up with the next attach', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, build) } })
  const container = await rig.container('one')
  await container.asInit(`ip link add eth0 type veth peer name tg3abc netns ${rig.pid}`)
  t.equal((await container.link('--policy', 'build')).exitCode, 0)
  t.equal((await lab.host.exec('ip', ['link', 'show', 'tg3abc'])).exitCode, 1)
})

t.test('where /proc/sys may not be written, the gateway says which lines the compose file lacks', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, build) }, sysctlsReadOnly: true })
  const container = await rig.container('one')
  const { exitCode, stderr } = await container.link('--policy', 'build')
  t.equal(exitCode, 125)
  t.match(stderr, /SYSCTL_NEEDED/)
  t.match(stderr, 'net.ipv6.conf.default.disable_ipv6: 1')
  await gone(rig, 'one')
  t.equal(await networkLeftovers(lab), '')
  t.equal((await lab.host.exec('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])).exitCode, 0)
  const again = await container.link('--policy', 'build')
  t.equal(again.exitCode, 0, again.stderr)
  t.equal((await container.sh('curl -sSf -o /dev/null https://api.acme.test/')).exitCode, 0)
})

t.test('a gateway that could not answer from low UDP ports does not start', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  await t.rejects(openServeRig(lab, { policies: { build }, lowPorts: false }), /SYSCTL_NEEDED/)
})

t.test('detach ends a job that goes on: its network is cut and its record sealed', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, build) } })
  const container = await rig.container('one')
  t.equal((await container.link('--policy', 'build')).exitCode, 0)
  t.equal((await container.link('--policy', 'build')).exitCode, 0, 'linked already')
  using line = await rig.connect()
  t.match(await line.ask({ op: 'status' }), { jobs: [{ job: 'one', state: 'proved', netns: container.netns }] })
  t.strictSame(await line.ask({ op: 'detach', job: 'one' }), { ok: true })
  t.equal(rig.lines('one').at(-1)?.event, 'sealed')
  t.equal((await container.exec('ip', ['-br', 'link'])).stdout.split('\n').length, 2)
  t.equal(await networkLeftovers(lab), '')
})
