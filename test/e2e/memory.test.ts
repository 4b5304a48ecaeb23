// What a gateway takes of its machine. Sizes are asserted; times are only told, as other work on the machine makes them.
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { startRun, type LiveRun } from '../netns/live-run.ts'
import { until } from '../netns/machine-services.ts'
import { blockPolicy, tidegate } from './behind.ts'

t.setTimeout(300_000)
const client = fileURLToPath(new URL('memory-client.py', import.meta.url))

/** Resident memory of a process in MiB, pages included that it shares with others; `peak` since `forgetPeak`. */
function resident({ pid }: LiveRun, which: 'now' | 'peak' = 'now'): number {
  const field = which === 'now' ? 'VmRSS' : 'VmHWM'
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kibibytes) / 102.4) / 10
}

function forgetPeak({ pid }: LiveRun): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** What is left when it rests: it has given memory back, if it does so within 40 s, and what still moves then has had its time. */
async function settled(run: LiveRun, wanted: number): Promise<number> {
  await until(() => resident(run) < wanted, 90_000).catch(() => undefined)
  await delay(2_000)
  return resident(run)
}

/** Ends the file's wait in the job. */
function tell(run: LiveRun, name: string): void {
  writeFileSync(`${run.work}/${name}`, '')
}

/** The code of all that a run loads is compiled once after an installation (scripts/setup.sh): not what is measured here. */
async function warm(lab: Lab): Promise<void> {
  await lab.host.exec(tidegate, ['run', '--help'])
}

t.test('idle: under 90 MiB', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: [] })
  await warm(lab)
  const run = startRun(lab, {
    policy: blockPolicy(['https://api.acme.test']),
    command: ['sh', '-c', 'touch $WORK/up; exec sleep 600'],
  })
  await run.made('up')
  const now = await settled(run, 90)
  t.ok(now < 90, `${now} MiB`)
  t.comment(`idle: ${now} MiB`)
  run.kill('SIGTERM')
  await run.ended
})

t.test('1 GiB to a reader that stops: adds under 32 MiB', { skip: whyNoLab(['bulk']) }, async t => {
  await using lab = await openLab({ services: ['bulk'], uplink: false })
  await warm(lab)
  const run = startRun(lab, {
    policy: blockPolicy(['https://bulk.acme.test']),
    command: ['python3', client, 'slow', 'bulk.acme.test'],
  })
  await run.made('warm')
  const before = await settled(run, 100)
  forgetPeak(run)
  tell(run, 'go')
  await run.made('stalled')
  // Whatever wants to fill up meanwhile, does.
  await delay(1_500)
  const stalled = resident(run, 'peak') - before
  tell(run, 'continue')
  await until(() => readable(`${run.work}/done`), 90_000)
  const added = resident(run, 'peak') - before
  t.ok(stalled < 32, `${stalled.toFixed(1)} MiB while the reader stood`)
  t.ok(added < 32, `${added.toFixed(1)} MiB at most`)
  t.comment(
    `1 GiB: ${before} MiB before, ${stalled.toFixed(1)} MiB more while the reader stood, ${added.toFixed(1)} MiB more at most`,
  )
  tell(run, 'end')
  t.equal((await run.ended).code, 0)
  t.match(
    run.lines().filter(({ path }) => path === '/1g'),
    [{ inspected: true, status: 200 }],
  )
})

t.test('500 open inspected connections: under 220 MiB, and most of it is given back', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ uplink: false })
  await warm(lab)
  const held = new Set<() => void>()
  await lab.origins.script('api.acme.test', '/held', async () => {
    await new Promise<void>(release => held.add(release))
    return { status: 204 }
  })
  const run = startRun(lab, {
    policy: blockPolicy(['https://api.acme.test']),
    command: ['python3', client, 'open', 'api.acme.test', '500'],
  })
  await until(() => readable(`${run.work}/open`), 90_000)
  await until(() => held.size === 500, 60_000)
  const now = resident(run)
  t.ok(now < 220, `${now} MiB`)
  t.comment(`500 connections with a request each: ${now} MiB, at most ${resident(run, 'peak')} MiB`)
  tell(run, 'end')
  for (const release of held) release()
  await run.made('closed')
  const after = await settled(run, 120)
  t.ok(after < 120, `${after} MiB when they are closed`)
  t.comment(`500 connections that are closed: ${after} MiB`)
  tell(run, 'bye')
  t.equal((await run.ended).code, 0)
  t.equal(run.lines().filter(({ layer, inspected }) => layer === 'http' && inspected === true).length, 500)
})

t.test('from start to the proved wire', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: [] })
  await warm(lab)
  const took: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const startedAt = Date.now()
    const run = startRun(lab, { policy: blockPolicy(['https://api.acme.test']), command: ['true'] })
    const { code, stderr } = await run.ended
    t.equal(code, 0, stderr)
    const proved = run.lines().find(({ event }) => event === 'proved')
    took.push(Date.parse(String(Reflect.get(proved ?? {}, 'time'))) - startedAt)
  }
  t.comment(
    `start to the proved wire: ${took.toSorted((a, b) => a - b).join(', ')} ms (wanted on a quiet machine: 600)`,
  )
  t.ok(took.every(Number.isFinite), 'each run was proved')
})

function readable(file: string): boolean {
  try {
    return readFileSync(file).length >= 0
  } catch {
    return false
  }
}
