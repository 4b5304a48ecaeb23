// The machine's clock is set while jobs run: nothing opens, nothing is given up, and the record says what happened.
import { existsSync, globSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { type Lab, openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { until } from './machine-services.ts'
import { type Container, gone, openServeRig, type ServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const beatProgram = fileURLToPath(new URL('network-beat.py', import.meta.url))
const skip = whyNoLab() || (library === undefined && 'needs libfaketime (make setup)')

const [hour, minute] = [3_600, 60]
/** What the clock is set to, seconds from the real time; each from the one before. A certificate is good an hour back. */
const settings = [2 * hour, -30 * minute, 90 * minute, 0] as const

/** Everything that a setting of the clock might break, tried after each. */
interface Scene {
  readonly lab: Lab
  readonly rig: ServeRig
  readonly job: Container
  /** Shell words that give a program the clock of the gateway, as on one machine. */
  readonly clock: string
  /** How often the open flow has gone back and forth. */
  readonly beat: () => number
  readonly set: (seconds: number) => void
}

t.test('the machine’s clock is set forward and back while flows are open', { skip }, async t => {
  await using lab = await openLab()
  const file = lab.file('clock')
  const set = (seconds: number): void => {
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(`${file}.new`, file)
  }
  set(0)
  const settingsOf = `LD_PRELOAD=${library} FAKETIME_TIMESTAMP_FILE=${file} FAKETIME_NO_CACHE=1`
  const clock = `${settingsOf} DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1`
  const policies = {
    build: trusting(lab, blockPolicy(['https://*.acme.test', 'tcp://lab.test:7', 'udp://lab.test:7'])),
  }
  const began = Date.now()
  // The library keeps something in /dev/shm, which a program that is killed leaves there.
  await using rig = await openServeRig(lab, { policies, mounts: `mount -t tmpfs none /dev/shm && export ${clock}` })
  const job = await rig.container('clocked')
  const linked = await job.link('--policy', 'build')
  t.equal(linked.exitCode, 0, linked.stderr)
  const counted = lab.file('beats')
  const beats = `python3 ${beatProgram} lab.test 7 ${counted} & until [ -e ${counted}.end ]; do sleep 0.1; done; kill $!`
  const beating = job.exec('sh', ['-c', beats], { timeoutMs: 140_000 })
  using ending = new DisposableStack()
  ending.defer(() => writeFileSync(`${counted}.end`, ''))
  const beat = (): number => (existsSync(counted) ? Number(readFileSync(counted, 'utf8')) : 0)
  const scene = { lab, rig, job, clock, set, beat }
  await until(() => scene.beat() > 5)

  let before = 0
  for (const seconds of settings) {
    await t.test(`set by ${seconds - before} s`, async t => afterSetting(t, scene, seconds, seconds - before))
    before = seconds
  }
  await questionsKeepTime(t, scene)
  // One that comes later has the time of then.
  set(2 * hour)
  const late = await rig.container('late')
  t.equal((await late.link('--policy', 'build')).exitCode, 0)
  t.equal((await fetchCode(late, clock, 'api')).stdout, '200')
  ending.dispose()
  await beating
  for (const [name, container] of [
    ['clocked', job],
    ['late', late],
  ] as const) {
    await container.kill()
    await gone(rig, name)
    await assertValidLog(`${rig.record(name)}/egress.ndjson`)
    t.equal((await lab.host.exec(tidegate, ['verify', rig.record(name)])).exitCode, 0, `${name} verifies`)
  }
  const notes = rig
    .lines('clocked')
    .flatMap(({ event, details }) => (event === 'checkpoint' ? [details?.['note']] : []))
  t.match(notes, [
    /forward by 7200 s .*, to /,
    /set back by 9000 s/,
    /forward by 7200 s/,
    /set back by 5400 s/,
    /forward by 7200 s/,
  ])
  isInTime(t, rig, 'clocked', began, 0)
  isInTime(t, rig, 'late', began, 2 * hour)
  t.strictSame(await lab.sink.lines(), [], 'nothing got out')
})

async function afterSetting(t: Test, scene: Scene, seconds: number, by: number): Promise<void> {
  const { lab, rig, job, clock, beat, set } = scene
  const flows = beat()
  // While it is set, a question is under way whose answer takes a second.
  const slow = `slow${seconds + 10 * hour}.acme.test`
  await lab.serve(slow)
  await lab.dns.delay(slow, 1_000)
  const asked = job.exec('dig', ['+tries=1', '+time=20', '+noall', '+comments', slow])
  await until(async () => (await lab.dns.queries({ name: slow })).length > 0)
  set(seconds)
  t.match((await asked).stdout, /status: NOERROR/, 'an answer that was under way is not given up')
  const way = by > 0 ? 'forward' : 'back'
  const isSaid = ({ event, details }: { event?: string; details?: Readonly<Record<string, unknown>> }): boolean =>
    event === 'checkpoint' && String(details?.['note']).includes(`${way} by ${Math.abs(by)} s`)
  await until(() => rig.lines('clocked').some(isSaid))
  await until(() => beat() > flows + 50)
  t.pass('the open flow goes on')
  for (const host of ['api', 'files', `new${seconds + 10 * hour}`]) {
    if (host.startsWith('new')) await lab.serve(`${host}.acme.test`)
    const { stdout, stderr } = await fetchCode(job, clock, host)
    t.equal(stdout, '200', `${host}: its certificate is good by the clock of now: ${stderr}`)
  }
  t.equal((await job.sh('curl -sm5 https://evil.test/')).exitCode, 6, 'a name that is denied has no address')
  t.equal((await job.sh('curl -skfm5 https://203.0.113.66/')).exitCode, 22, 'an address is denied')
  t.match(await statesOf(rig), ['proved'])
}

/** A question that nobody answers is given up in time, and what is known is forgotten in time, though the clock goes back meanwhile. */
async function questionsKeepTime(t: Test, { lab, job, set }: Scene): Promise<void> {
  set(2 * hour)
  await lab.serve('mute.acme.test')
  await lab.dns.fail('mute.acme.test', 'timeout')
  const asked = job.exec('dig', ['+tries=1', '+time=20', '+noall', '+comments', 'mute.acme.test'])
  await until(async () => (await lab.dns.queries({ name: 'mute.acme.test' })).length > 0)
  set(0)
  t.match((await asked).stdout, /status: SERVFAIL/, 'it is told that there is no answer')

  set(2 * hour)
  await lab.dns.set('brief.acme.test', 'A', ['203.0.113.80'], { ttl: 5 })
  const ask = async (): Promise<number> => {
    await job.exec('dig', ['+short', '+tries=1', '+time=10', 'brief.acme.test'])
    return (await lab.dns.queries({ name: 'brief.acme.test', type: 'A' })).length
  }
  const first = await ask()
  set(0)
  t.equal(await ask(), first, 'known')
  await until(async () => (await ask()) > first, 12_000)
  t.pass('and after its five seconds asked for again, not after two hours')
}

/** As a job's client on the same machine, whose clock it is too. */
function fetchCode(job: Container, clock: string, host: string) {
  return job.sh(`${clock} curl -sS -m8 -o /dev/null -w '%{http_code}' https://${host}.acme.test/`)
}

async function statesOf(rig: ServeRig): Promise<readonly unknown[]> {
  using line = await rig.connect()
  const { jobs } = await line.ask({ op: 'status' })
  return Array.isArray(jobs) ? jobs.map(({ state }: { readonly state: string }) => state) : []
}

/** Do all lines lie between the test's beginning and now, by the clock that the record began with, and those of the job itself in order? */
function isInTime(t: Test, rig: ServeRig, job: string, began: number, aheadSeconds: number): void {
  const lines = rig.lines(job)
  const times = lines.map(({ time }) => Date.parse(time) - aheadSeconds * 1_000)
  t.ok(
    times.every(time => time >= began - 1_000 && time <= Date.now() + 1_000),
    `${job}: every line has the time of the record`,
  )
  const own = times.filter((_, index) => lines[index]?.layer === 'job')
  t.strictSame(
    own,
    own.toSorted((a, b) => a - b),
    `${job}: in order`,
  )
  t.ok(
    lines.every(({ durationMs = 0 }) => durationMs >= 0 && durationMs < Date.now() - began + 1_000),
    `${job}: no flow was longer than the test`,
  )
}
