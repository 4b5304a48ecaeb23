import { once } from 'node:events'
import t from 'tap'
import { whyNoLab } from '../lab/requirements.ts'
import type { Behaviour } from './link-behaviours.ts'
import { interfacesOf, type LinkRig, onlyWith, openLinkRig, sidecarInit } from './link-rig.ts'

t.setTimeout(120_000)
const skip = whyNoLab()

/** Nothing of a wire is left, on neither side. */
async function isClean({ job, gateway, saw, until }: LinkRig): Promise<boolean> {
  if (saw.some(({ event }) => event === 'attach')) await until('undone')
  return !(await interfacesOf(job)).includes('eth0') && (await interfacesOf(gateway)).join(' ') === 'lo'
}

t.test('link: lays the wire, proves it, and says so again when it stands', { skip }, async t => {
  await using rig = await openLinkRig('serve')
  const first = await rig.link()
  t.equal(first.exitCode, 0, first.stderr)
  t.match(first.stderr, /^sidecar-init: linked; proved: /)
  const addresses = await rig.job.exec('ip', ['-br', 'addr'])
  t.match(addresses.stdout, /^eth0@\S+ +UP +198\.19\.0\.2\/30 *$/m, 'one address and no IPv6')
  const routes = await rig.job.exec('ip', ['route'])
  t.match(routes.stdout, /^default via 198\.19\.0\.1 dev eth0/m)
  const proved = rig.saw.find(({ event }) => event === 'proved')
  t.match(proved, {
    job: 'nightly',
    checks: [/only lo/, /only way/, /IPv6/, /TCP to any/, /DNS over TCP/, /DNS over UDP/, /UDP without/],
  })
  t.match(rig.saw.find(({ event }) => event === 'attach')?.['netns'], /^net:\[\d+\]$/)

  const again = await rig.link()
  t.equal(again.exitCode, 0, again.stderr)
  t.match(again.stderr, /^sidecar-init: linked already$/m)
  t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'])
})

t.test('link: in audit mode UDP is not asked for its refusal', { skip }, async t => {
  await using rig = await openLinkRig('audit')
  const { exitCode, stderr } = await rig.link()
  t.equal(exitCode, 0, stderr)
  t.notMatch(stderr, /UDP without a rule/)
})

const failures: readonly (readonly [sentence: string, behaviour: Behaviour, says: RegExp, more?: readonly string[]])[] =
  [
    ['a policy the gateway does not know', 'unknown-policy', /: there is no policy nightly \(POLICY_UNKNOWN\)$/m],
    ['a gateway that does not answer', 'mute', /\(GATEWAY_UNREACHABLE\)$/m, ['--timeout', '2']],
    ['something that is no gateway', 'babble', /\(GATEWAY_UNREACHABLE\)$/m],
    [
      'a gateway that leaves its end down',
      'never-up',
      /its end of the wire \(tg0a1b\) \(LINK_FAILED\)$/m,
      ['--timeout', '3'],
    ],
    ['a gateway that gives up', 'give-up', /: rp_filter is 1 \(SYSCTL_NEEDED\)$/m],
    ['another gateway’s door', 'wrong-door', /TCP to any address .*\(WIRE_NOT_PROVED\)$/m],
    ['a door that repeats what it has heard', 'old-door', /TCP to any address .*\(WIRE_NOT_PROVED\)$/m],
    ['a door that is closed', 'silent-door', /TCP to any address .*\(WIRE_NOT_PROVED\)$/m, ['--timeout', '3']],
    ['DNS that nobody answers', 'silent-dns', /DNS over UDP .*\(WIRE_NOT_PROVED\)$/m, ['--timeout', '3']],
    ['UDP that somebody answers', 'open-udp', /UDP without a rule .*\(WIRE_NOT_PROVED\)$/m],
    ['a gateway that does not believe the proof', 'refuse-proof', /rules are not those .*\(WIRE_NOT_PROVED\)$/m],
  ]
for (const [sentence, behaviour, says, more = []] of failures) {
  t.test(`link: ${sentence}: one line, 125, and no half-made wire`, { skip }, async t => {
    await using rig = await openLinkRig(behaviour)
    const { exitCode, stderr } = await rig.link(...more)
    t.equal(exitCode, 125, stderr)
    t.match(stderr, says)
    t.equal(stderr.trim().split('\n').length, 1, stderr)
    if (behaviour === 'unknown-policy' || behaviour === 'mute' || behaviour === 'babble')
      t.strictSame(await interfacesOf(rig.job), ['lo'])
    else t.ok(await isClean(rig))
  })
}

t.test('link: refuses what it must not touch, and leaves it as it was', { skip }, async t => {
  await using rig = await openLinkRig('serve')
  const without = await rig.job.exec('setpriv', [...onlyWith('net_raw').slice(1), sidecarInit, 'link', '--job', 'a'])
  t.match(without, { exitCode: 125, stderr: /^sidecar-init: the init lacks NET_ADMIN .*\(CAPABILITY_MISSING\)$/m })

  await rig.job.exec('ip', ['link', 'add', 'br0', 'type', 'bridge'])
  const bridged = await rig.link()
  t.match(bridged, { exitCode: 125, stderr: /network already \(br0\).*\(NETWORK_PRESENT\)$/m })
  t.notOk(
    rig.saw.some(({ event }) => event === 'attach'),
    'the gateway is not even asked',
  )
  await rig.job.exec('ip', ['link', 'delete', 'br0'])

  await rig.job.exec('ip', ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other'])
  await rig.job.exec('ip', ['link', 'set', 'other', 'netns', rig.gateway.name])
  const taken = await rig.link()
  t.match(taken, { exitCode: 125, stderr: /network already \(eth0\).*\(NETWORK_PRESENT\)$/m })
  await rig.until('undone')
  t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'], 'a foreign eth0 is not removed')
})

t.test('link: two inits for one job: one wire, one refusal', { skip }, async t => {
  await using rig = await openLinkRig('serve')
  const both = await Promise.all([rig.link(), rig.link()])
  const codes = both.map(({ exitCode }) => exitCode).toSorted((a = 0, b = 0) => a - b)
  // The second may come when the first has proved: then the wire stands, which is as good.
  t.ok(codes.join() === '0,125' || codes.join() === '0,0', both.map(({ stderr }) => stderr).join())
  t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'])
})

t.test('link: no gateway at all', { skip }, async t => {
  await using rig = await openLinkRig('serve')
  const { exitCode, stderr } = await rig.link('--control', `${rig.control}.none`, '--timeout', '1')
  t.equal(exitCode, 125)
  t.match(stderr, /^sidecar-init: no gateway answers at \S+: there is no such file \(GATEWAY_UNREACHABLE\)$/m)
})

for (const behaviour of ['never-up', 'silent-door'] as const)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    t.test(
      `link: ${signal} ${behaviour === 'never-up' ? 'while it lays' : 'while it proves'}: nothing is left`,
      { skip },
      async t => {
        await using rig = await openLinkRig(behaviour)
        const child = rig.job.spawn(process.execPath, [
          '--disable-warning=ExperimentalWarning',
          sidecarInit.replace('bin/sidecar-init', 'sidecar-init/main.ts'),
          'link',
          '--job',
          'nightly',
          '--control',
          rig.control,
        ])
        const exited = once(child, 'exit')
        await rig.until('device')
        child.kill(signal)
        const [code, ended]: unknown[] = await exited
        t.strictSame([code, ended], signal === 'SIGTERM' ? [125, null] : [null, 'SIGKILL'])
        t.ok(await isClean(rig))
      },
    )

t.test(
  'link: with --stay it runs on while the wire stands, and ends when it is told or when the wire goes',
  { skip },
  async t => {
    for (const [what, end, code] of [
      ['told to stop', async (_rig: LinkRig, stop: () => void) => stop(), 0],
      ['the wire is gone', async ({ job }: LinkRig) => void (await job.exec('ip', ['link', 'delete', 'eth0'])), 125],
    ] as const) {
      await using rig = await openLinkRig('serve')
      const words = [
        '--disable-warning=ExperimentalWarning',
        sidecarInit.replace('bin/sidecar-init', 'sidecar-init/main.ts'),
      ]
      const child = rig.job.spawn(process.execPath, [
        ...words,
        'link',
        '--job',
        'nightly',
        '--control',
        rig.control,
        '--stay',
      ])
      const exited = once(child, 'exit')
      const linked = new Promise<void>(fulfil => child.stderr?.once('data', () => fulfil()))
      await linked
      t.equal(child.exitCode, null, 'it stays')
      t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'])
      await end(rig, () => void child.kill('SIGTERM'))
      const [exitCode]: unknown[] = await exited
      t.equal(exitCode, code, what)
    }
  },
)

const usages: readonly (readonly [sentence: string, args: readonly string[], says: RegExp])[] = [
  ['no job', [], /--job is missing/],
  ['a job that is a path', ['--job', '../x'], /--job is no name of a job/],
  ['a policy that is a path', ['--job', 'a', '--policy', '/etc/x'], /--policy is no name of a policy/],
  ['a time of no sense', ['--job', 'a', '--timeout', '1e3'], /--timeout takes whole seconds/],
  ['a time beyond what the gateway waits', ['--job', 'a', '--timeout', '601'], /--timeout is at most 600/],
  ['an unknown option', ['--job', 'a', '--jbo', 'b'], /Unknown option '--jbo'/],
]
t.test('link: a wrong usage is one line and exit code 2', { skip }, async t => {
  await using rig = await openLinkRig('serve')
  for (const [sentence, args, says] of usages) {
    const { exitCode, stderr } = await rig.job.exec(sidecarInit, ['link', ...args])
    t.equal(exitCode, 2, sentence)
    t.match(stderr, says, sentence)
    t.equal(stderr.trim().split('\n').length, 1, stderr)
  }
  const help = await rig.job.exec(sidecarInit, ['link', '--help'])
  t.match(help, { exitCode: 0, stdout: /^usage: sidecar-init link / })
})
