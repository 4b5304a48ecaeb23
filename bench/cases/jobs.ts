import { setTimeout as delay } from 'node:timers/promises'
import { openServeRig, type ServeRig } from '../../test/netns/serve-rig.ts'
import { familyOf, usageOf } from '../rig/process-tree.ts'
import type { Bench, Case } from './case.ts'

/** Jobs that are held at once. */
const manyJobs = 20
/** Wires laid for the percentiles, each alone, as a pool lays them. */
const wires = 40
const restMs = 4_000
const policy = 'version: 1\nmode: block\nallow: []\n'

/**
 * A gateway that serves many jobs (`tidegate serve`): how long an init takes, from its start until the wire is proved, and
 * what twenty jobs at rest hold and use.
 */
export const jobs: Case = {
  name: 'jobs',
  isCold: true,
  async run(bench) {
    const metrics = ['jobs.p50', 'jobs.p99', 'jobs.empty', 'jobs.held', 'jobs.cpu']
    for (let round = 0; round < bench.rounds; round += 1) await bench.attempt('tidegate', metrics, () => oneTurn(bench))
  },
}

async function oneTurn({ rig: { lab, quick }, samples, say }: Bench): Promise<void> {
  await using rig = await openServeRig(lab, { policies: { plain: policy } })
  await delay(restMs)
  const empty = memoryOf(rig)
  const taken: number[] = []
  for (let at = 0; at < (quick ? 5 : wires); at += 1) {
    const { kill, ms } = await laid(rig, `alone-${at}`)
    taken.push(ms)
    await kill()
  }
  const sorted = taken.toSorted((a, b) => a - b)
  const [p50, p99] = [0.5, 0.99].map(part => sorted[Math.ceil(part * sorted.length) - 1] ?? NaN)
  for (let at = 0; at < manyJobs; at += 1) await laid(rig, `held-${at}`)
  await delay(restMs)
  const held = memoryOf(rig)
  const before = usageOf(familyOf(rig.pid)).cpuSeconds
  await delay(restMs)
  const cpu = ((usageOf(familyOf(rig.pid)).cpuSeconds - before) / restMs) * 1_000_000
  const figures = { p50, p99, empty, held, cpu }
  for (const [name, figure] of Object.entries(figures)) samples.add(`jobs.${name}`, 'tidegate', figure ?? NaN)
  say(
    `jobs: wire p50 ${p50?.toFixed(0)} ms, p99 ${p99?.toFixed(0)} ms; ${empty.toFixed(0)} MiB without a job, ${held.toFixed(0)} with ${manyJobs}, which use ${cpu.toFixed(0)} ms of CPU a second`,
  )
}

async function laid(rig: ServeRig, job: string): Promise<{ readonly ms: number; readonly kill: () => Promise<void> }> {
  const container = await rig.container(job)
  const since = performance.now()
  const { exitCode, stderr } = await container.link('--policy', 'plain', '--timeout', '60')
  if (exitCode !== 0) throw new Error(`the wire of ${job} was not laid: ${stderr}`)
  return { ms: performance.now() - since, kill: () => container.kill() }
}

function memoryOf(rig: ServeRig): number {
  return usageOf(familyOf(rig.pid)).rssMiB
}
