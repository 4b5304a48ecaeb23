// An init that is started wrongly says so in one line, and lays nothing.
import t, { type Test } from 'tap'
import { openLab } from '../lab/lab.ts'
import type { Finished } from '../lab/program.ts'
import { labRoots } from './compose-project.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { productImage } from './engine/product-image.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { openJobRig } from './job-rig.ts'

t.setTimeout(400_000)

const policy = `version: 1
mode: audit
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`
const configuration = `version: 1
jobs:
  build: { policy: policy.yaml }
  'free-*': {}
policyFolder: policies
admin: 0.0.0.0:9464
`
const override = `services:
  gateway:
    volumes:
      - ./lab-ca.pem:/etc/tidegate/lab-ca.pem:ro
      - ./gateway.yaml:/etc/tidegate/gateway.yaml:ro
      - ./policies:/etc/tidegate/policies:ro
`

/** An init with what the compose file gives it, but for what the case takes away. */
interface Start {
  /** Default `link --job build`. */
  readonly args?: string
  /** Default: that of `net`. */
  readonly network?: string
  readonly without?: RegExp
}

type Case = readonly [what: string, start: Start, exitCode: number, says: RegExp]

const cases: readonly Case[] = [
  ['a job that nobody knows', { args: '--job nightly' }, 125, /JOB_NOT_ALLOWED/],
  ['a name that is none', { args: '--job ../etc' }, 2, /--job is no name/],
  ['a policy that nobody knows', { args: '--job free-1 --policy nightly' }, 125, /POLICY_UNKNOWN/],
  ['a policy that is not its own', { args: '--job build --policy other' }, 125, /JOB_NOT_ALLOWED/],
  ['a job without a policy', { args: '--job free-1' }, 125, /JOB_NOT_ALLOWED/],
  ['no NET_ADMIN', { without: /^--cap-add/ }, 125, /NET_ADMIN.*CAPABILITY_MISSING/],
  ['a bridge instead of none', { network: 'bridge' }, 125, /network_mode none.*NETWORK_PRESENT/],
  ['the machine’s network', { network: 'host' }, 125, /network_mode none.*NETWORK_PRESENT/],
  ['no control socket', { without: /^--volume/, args: '--job build --timeout 1' }, 125, /GATEWAY_UNREACHABLE/],
  ['not the gateway’s pid namespace', { without: /^--pid/ }, 125, /pid: service:gateway.*LINK_FAILED/],
]

t.test('an init that is started wrongly', { skip: whyNoDocker() }, async t => {
  await using lab = await openLab()
  await using engine = await openProductEngine(lab)
  await using rig = openJobRig(lab, engine, 'wrong', {
    policy,
    override,
    files: { 'gateway.yaml': configuration, 'policies/other.yaml': policy },
  })
  await rig.compose('up', '--detach', '--wait', 'net', 'gateway')
  const [net, gateway] = await Promise.all([rig.id('net'), rig.id('gateway')])
  const init = async ({ args = '--job build', network = `container:${net}`, without = /^$/ }: Start) => {
    const options = [
      `--network=${network}`,
      `--pid=container:${gateway}`,
      '--cap-drop=ALL',
      '--cap-add=NET_ADMIN',
      '--read-only',
      '--security-opt=no-new-privileges:true',
      '--volume=wrong_control:/run/tidegate-control',
    ].filter(option => !without.test(option))
    return engine.docker(['run', '--rm', ...options, productImage, 'sidecar-init', 'link', ...args.split(' ')])
  }
  const idle = await rig.state()
  t.match(idle, { jobs: [], job: ['lo'], ready: false })
  await lab.uplink.clear()

  await t.test('says what is wrong, and lays nothing', async t => {
    for (const [what, start, exitCode, says] of cases) {
      saysOnce(t, await init(start), exitCode, says, what)
      t.strictSame(await rig.settled(idle), idle, `${what}: nothing is laid`)
    }
    t.strictSame(await lab.uplink.packets(), [], 'nothing left the machine')
  })

  await t.test('two for one job: the wire stands once', async t => {
    const both = await Promise.all([init({}), init({})])
    t.ok(
      both.some(({ exitCode }) => exitCode === 0),
      both.map(({ stderr }) => stderr).join(''),
    )
    for (const each of both) if (each.exitCode !== 0) saysOnce(t, each, 125, /JOB_EXISTS/, 'the second')
    const standing = await rig.state()
    t.match(standing, { jobs: ['build proved'], job: ['eth0', 'lo'], gateway: ['eth0', 'lo', 'tg'], ready: true })
    saysOnce(t, await init({ network: 'none' }), 125, /JOB_EXISTS/, 'one in another network namespace')
    saysOnce(t, await init({ args: '--job free-1 --policy other' }), 125, /JOB_EXISTS/, 'one for another job, here')
    t.equal((await init({})).exitCode, 0, 'the same again finds its wire')
    t.strictSame(await rig.state(), standing, 'and none of them has touched it')
    await rig.detach()
    t.strictSame(await rig.settled(idle), idle)
  })

  await t.test('a project whose job has a bridge never starts its build', async t => {
    const files = { policy, override: `services:\n  net: { network_mode: bridge }\n${labRoots}` }
    await using wrong = openJobRig(lab, engine, 'bridged', files)
    const up = await wrong.project.compose(['up', '--exit-code-from', 'build'])
    t.not(up.exitCode, 0)
    const said = await engine.docker(['logs', await wrong.id('init')])
    t.match(said.stderr, /^sidecar-init: .*network_mode none.*NETWORK_PRESENT\)\n$/)
    const { stdout } = await engine.docker(['inspect', '--format', '{{.State.StartedAt}}', await wrong.id('build')])
    t.match(stdout, /^0001-/, 'the build was never started')
  })
})

/** One line on standard error that says it, and the exit code. */
function saysOnce(t: Test, { exitCode, stdout, stderr }: Finished, code: number, says: RegExp, what: string): void {
  t.equal(exitCode, code, `${what}: ${stdout}${stderr}`)
  t.match(stderr.trimEnd(), says, what)
  t.equal(stderr.trimEnd().split('\n').length, 1, `${what}: one line`)
}
