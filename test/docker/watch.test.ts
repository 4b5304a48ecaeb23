// The watcher with a real engine: what gets a wire, what does not, and what survives what.
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { openWatchRig, sinceStart, type WatchRig } from './watch-rig.ts'

t.setTimeout(280_000)
const skip = whyNoDocker()
const fetched = (url: string): string =>
  `. /run/tidegate/env; node -e "fetch('${url}').then(r => console.log(r.status), e => console.log(e.cause?.code ?? e))"`
const asJob = (job: string, policy = 'block'): readonly string[] =>
  `--network none --label tidegate.job=${job} --label tidegate.policy=${policy}`.split(' ')

async function linked(rig: WatchRig, job: string, after = 0) {
  return rig.until(({ msg, job: its }) => msg === 'linked' && its === job, `that ${job} is linked`, after)
}

/** Interfaces that a container has, sorted. */
async function interfaces(rig: WatchRig, name: string): Promise<string> {
  return (await rig.sh(name, 'ls /sys/class/net')).stdout.trim().split(/\s+/).toSorted().join(' ')
}

/** Ids of the helpers, running or not. */
async function helpers(rig: WatchRig): Promise<readonly string[]> {
  const ids = await rig.docker('ps', '--all', '--quiet', '--filter', 'label=tidegate.helper')
  return ids.split('\n').filter(id => id !== '')
}

t.test('a labelled container gets its wire at its start, and loses it at its end', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openWatchRig(lab)
  await rig.startGateway()
  await rig.startWatcher()
  await wiresAndEnds(t, lab, rig)
  await takesSoLong(t, rig)
  await refuses(t, rig)
  await survives(t, rig)
})

t.test('where the engine cannot show its namespaces, each build gets a helper of its own', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openWatchRig(lab, { mounts: 'private' })
  await rig.startGateway()
  await rig.startWatcher()
  t.strictSame(await helpers(rig), [], 'none for all')
  await rig.start('alone', ...asJob('alone'))
  const line = await linked(rig, 'alone')
  t.comment(`proved ${await sinceStart(rig, 'alone', line)} ms after the container's start`)
  t.match((await rig.sh('alone', fetched('https://api.acme.test/echo'))).stdout, /^200$/m)
  t.strictSame(await helpers(rig), [], 'its own is gone')
  const said = (await rig.said()).filter(({ msg }) => /no helper for all builds/.test(String(msg)))
  t.equal(said.length, 1, 'said once')
  t.match(said[0], { level: 'warn', msg: /not a shared or slave mount/ })
})

/** As many containers as a percentile wants; the figures go to docs/performance.md. */
async function takesSoLong(t: Test, rig: WatchRig): Promise<void> {
  const [helper] = await helpers(rig)
  const taken: number[] = []
  for (let number = 0; number < 25; number += 1) {
    const name = `timed-${number}`
    await rig.start(name, ...asJob(name))
    taken.push(await sinceStart(rig, name, await linked(rig, name)))
    await rig.docker('rm', '--force', name)
  }
  const sorted = taken.toSorted((a, b) => a - b)
  const [p50, p99] = [0.5, 0.99].map(part => sorted[Math.ceil(part * sorted.length) - 1])
  t.comment(`from the start of a container until its wire is proved and its gate open: p50 ${p50} ms, p99 ${p99} ms`)
  t.strictSame(await helpers(rig), [helper], 'one and the same helper has laid them all')
}

async function wiresAndEnds(t: Test, lab: Lab, rig: WatchRig): Promise<void> {
  await rig.start('other', '--network', 'none')
  await rig.start('first', ...asJob('first'))
  const line = await linked(rig, 'first')
  t.comment(
    `proved ${await sinceStart(rig, 'first', line)} ms after the container's start (laid ${String(line['laidMs'])} ms after the event)`,
  )
  t.equal(await interfaces(rig, 'first'), 'eth0 lo')
  t.equal(await interfaces(rig, 'other'), 'lo', 'a container without the label is left alone')
  t.match(await rig.jobs(), [{ job: 'first', state: 'proved', policy: /block\.yaml$/ }])
  t.match((await rig.sh('first', fetched('https://api.acme.test/echo'))).stdout, /^200$/m)
  t.match((await rig.sh('first', fetched('https://evil.test/'))).stdout, /ENOTFOUND/)
  t.match((await rig.sh('first', fetched('https://203.0.113.66/'))).exitCode, 0)
  t.strictSame(await lab.sink.lines(), [], 'nothing got out')
  const ready = await rig.sh('first', 'cat /run/tidegate/ready /sys/class/net/eth0/address | sort -u | wc -l')
  t.equal(ready.stdout.trim(), '1', 'the gate of this container is open')
  const gated = await rig.sh('first', '/run/tidegate/wait --timeout 5 -- node -p process.env.SSL_CERT_FILE')
  t.match(gated, { exitCode: 0, stdout: '/run/tidegate/bundle.pem\n' }, gated.stderr)

  // A job of another policy at the same time, made before it is started.
  await rig.docker(
    'create',
    '--name',
    'second',
    ...asJob('second', 'audit'),
    rig.engine.images.node,
    'sleep',
    'infinity',
  )
  await rig.docker('start', 'second')
  await linked(rig, 'second')
  t.match((await rig.sh('second', fetched('https://files.acme.test/echo'))).stdout, /^200$/m, 'audit lets it pass')

  const before = (await rig.said()).length
  await rig.docker('restart', '--time', '0', 'second')
  await linked(rig, 'second', before)
  t.match(
    (await rig.sh('second', fetched('https://api.acme.test/echo'))).stdout,
    /^200$/m,
    'a restarted one has a new wire',
  )

  await rig.docker('rm', '--force', 'first')
  await rig.until(({ msg, job }) => msg === 'ended' && job === 'first', 'that first has ended')
  const record = await rig.docker('exec', 'gateway', 'sh', '-c', 'tail -n 1 /var/log/tidegate/first/*/egress.ndjson')
  t.match(record, /"event":"sealed"/)
  await rig.docker('rm', '--force', 'second')
  await rig.until(({ msg, job }) => msg === 'ended' && job === 'second', 'that second has ended', before)
  t.equal((await helpers(rig)).length, 1, 'no helper is left but the one for all')
}

const bad: readonly (readonly [name: string, says: RegExp, options: readonly string[]])[] = [
  [
    'bridged',
    /has a network of its own \(\S+\): .*--network none/,
    ['--label', 'tidegate.job=bridged', '--label', 'tidegate.policy=block'],
  ],
  ['hosted', /has a network of its own \(host\)/, ['--network', 'host', '--label', 'tidegate.job=hosted']],
  ['privileged', /is privileged/, [...asJob('privileged'), '--privileged']],
  ['netadmin', /has NET_ADMIN/, [...asJob('netadmin'), '--cap-add', 'NET_ADMIN']],
  ['sysadmin', /has SYS_ADMIN/, [...asJob('sysadmin'), '--cap-add', 'SYS_ADMIN']],
  ['all', /has every capability/, [...asJob('all'), '--cap-add', 'ALL']],
  ['hostpid', /machine’s pid namespace/, [...asJob('hostpid'), '--pid', 'host']],
  ['gatewaypid', /gateway’s pid namespace/, [...asJob('gatewaypid'), '--pid', 'container:gateway']],
  ['hostipc', /machine’s ipc namespace/, [...asJob('hostipc'), '--ipc', 'host']],
  ['hostuser', /machine’s user namespace/, [...asJob('hostuser'), '--userns', 'host']],
  [
    'socket',
    /engine’s socket \(\S+docker\.sock\)/,
    [...asJob('socket'), '--volume', '/var/run/docker.sock:/var/run/docker.sock'],
  ],
  ['volume', /engine’s socket \(\/var\/run\)/, [...asJob('volume'), '--volume', 'sock:/s']],
  ['rootfs', /engine’s socket \(\/\)/, [...asJob('rootfs'), '--volume', '/:/machine:ro']],
  ['disk', /device \/dev\/mem/, [...asJob('disk'), '--device', '/dev/mem']],
  ['unmasked', /systempaths/, [...asJob('unmasked'), '--security-opt', 'systempaths=unconfined']],
  ['odd-name', /names no job/, ['--network', 'none', '--label', 'tidegate.job=../etc']],
  [
    'odd-policy',
    /names no policy/,
    ['--network', 'none', '--label', 'tidegate.job=odd', '--label', 'tidegate.policy=/etc/passwd'],
  ],
  ['unknown-policy', /POLICY_UNKNOWN/, asJob('unknown-policy', 'nightly')],
]

async function refuses(t: Test, rig: WatchRig): Promise<void> {
  const bound = '--opt type=none --opt o=bind --opt device=/var/run'.split(' ')
  await rig.docker('volume', 'create', ...bound, 'sock')
  for (const [name, says, options] of bad) {
    const after = (await rig.said()).length
    const id = await rig.docker('create', '--name', name, ...options, rig.engine.images.node, 'sleep', 'infinity')
    const line = await rig.until(
      ({ msg, container }) => id.startsWith(String(container)) && says.test(String(msg)),
      `${name}: ${says}`,
      after,
    )
    t.match(line, { level: 'warn' }, name)
  }
  t.strictSame(await rig.jobs(), [], 'none of them is a job')
  t.equal((await helpers(rig)).length, 1)
  // Started all the same: still none, and said once.
  const after = (await rig.said()).length
  await rig.docker('start', 'netadmin', 'hostpid')
  await rig.start('good', ...asJob('good'))
  await linked(rig, 'good')
  t.equal(await interfaces(rig, 'netadmin'), 'lo')
  t.equal(await interfaces(rig, 'hostpid'), 'lo')
  // Two containers that say they are the same job.
  const twin = await rig.start('twin', ...asJob('good'))
  const refused = await rig.until(
    ({ container }) => twin.startsWith(String(container)),
    'that the twin is refused',
    after,
  )
  t.match(refused, { level: 'warn', msg: /JOB_EXISTS/ })
  t.equal(await interfaces(rig, 'twin'), 'lo')
  t.match((await rig.sh('good', fetched('https://api.acme.test/echo'))).stdout, /^200$/m, 'the first is not disturbed')
  await rig.docker('rm', '--force', ...bad.map(([name]) => name), 'twin', 'good')
}

async function survives(t: Test, rig: WatchRig): Promise<void> {
  await rig.start('long', ...asJob('long'), '--restart', 'always')
  await linked(rig, 'long')

  // The watcher goes and comes back: what stands is left alone, what came meanwhile is found.
  await rig.docker('kill', 'watcher')
  for (const limit = Date.now() + 30_000; (await helpers(rig)).length > 0 && Date.now() < limit;) await delay(50)
  t.strictSame(await helpers(rig), [], 'a helper ends with its watcher')
  await rig.start('meanwhile', ...asJob('meanwhile'))
  let after = (await rig.said()).length
  await rig.docker('start', 'watcher')
  await linked(rig, 'meanwhile', after)
  t.notOk(
    (await rig.said()).slice(after).some(({ msg, job }) => msg === 'linked' && job === 'long'),
    'a wire that stands is not laid again',
  )
  t.match((await rig.sh('long', fetched('https://api.acme.test/echo'))).stdout, /^200$/m)
  await rig.docker('rm', '--force', 'meanwhile')
  await rig.until(({ msg, job }) => msg === 'ended' && job === 'meanwhile', 'that meanwhile has ended', after)

  // The helper goes: the next that is needed comes.
  await rig.docker('kill', ...(await helpers(rig)))
  after = (await rig.said()).length
  await rig.start('helped', ...asJob('helped'))
  await linked(rig, 'helped', after)
  t.equal((await helpers(rig)).length, 1)
  await rig.docker('rm', '--force', 'helped')

  // The gateway goes and comes back: until then there is no network, then a new wire and a new authority.
  after = (await rig.said()).length
  await rig.docker('restart', '--time', '0', 'gateway')
  await linked(rig, 'long', after)
  t.match((await rig.sh('long', fetched('https://api.acme.test/echo'))).stdout, /^200$/m, 'the gateway came back')

  // The engine goes and comes back, and all containers with it.
  after = (await rig.said()).length
  await rig.engine.stop('TERM')
  await rig.engine.start()
  await linked(rig, 'long', after)
  t.match((await rig.sh('long', fetched('https://api.acme.test/echo'))).stdout, /^200$/m, 'the engine came back')
  t.equal((await helpers(rig)).length, 1)
}
