import { setTimeout as delay } from 'node:timers/promises'
import type { Running } from '../contenders/contender.ts'
import { familyOf, gatewayFamily, machineTime, usageOf } from './process-tree.ts'
import { cores } from './rig.ts'

/** One command of the load, and what the gateway used meanwhile. */
export interface Measured {
  readonly output: string
  readonly wallSeconds: number
  /** Of the whole gateway. */
  readonly cpuSeconds: number
  /** Of the whole gateway, the highest seen, MiB; only when watched. */
  readonly peakMiB: number
  /** Cores used by processes that are none of ours, on average: above a tenth or so the figures are doubtful. */
  readonly foreignCores: number
  /** Cores that the hypervisor kept from us. */
  readonly stolenCores: number
}

/** What of the noise of a shared machine is put up with before a measurement is repeated, in cores. */
const tolerated = 0.15

/** How long a quiet moment of the machine is waited for before each measurement, and how long one is looked for. */
const patienceMs = 15_000
const lookMs = 250

/** The worst noise of the measurements that were kept, cores: for the report. */
export const noise: number[] = []

/** Runs `command` in the load's shell, on the load's core, and measures the gateway. The quietest of `tries` is kept. */
export async function measure(running: Running, command: string, { watch = false, tries = 2 } = {}): Promise<Measured> {
  await quiet()
  let best = await once(running, command, watch)
  for (let left = tries - 1; left > 0 && best.foreignCores + best.stolenCores > tolerated; left -= 1) {
    await quiet()
    const next = await once(running, command, watch)
    if (next.foreignCores + next.stolenCores < best.foreignCores + best.stolenCores) best = next
  }
  noise.push(best.foreignCores + best.stolenCores)
  return best
}

/** Waits until the rest of the machine is at rest, or patience ends. */
async function quiet(): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const before = readMachine()
    await delay(lookMs)
    const after = readMachine()
    const foreign = (after.busy - before.busy - (after.ours - before.ours)) / (after.time - before.time)
    if (foreign < tolerated || performance.now() > deadline) return
  }
}

function readMachine() {
  const { busySeconds, stolenSeconds } = machineTime()
  const time = performance.now() / 1_000
  return { time, busy: busySeconds + stolenSeconds, ours: usageOf(familyOf(process.pid)).cpuSeconds }
}

async function once(running: Running, command: string, watch: boolean): Promise<Measured> {
  await delay(50)
  const before = read(running)
  const over = new AbortController()
  const peak = watch ? watchMemory(running, over.signal) : undefined
  const { output, exitCode } = await running.shell.run(`taskset -c ${cores.load} sh -c ${quoted(command)}`, 180_000)
  over.abort()
  const after = read(running)
  if (exitCode !== 0)
    throw new Error(`${running.name}: ${command}: exit ${exitCode}: ${output}${running.shell.complaints}`)
  const wallSeconds = after.time - before.time
  const busy = after.machine.busySeconds - before.machine.busySeconds
  return {
    output,
    wallSeconds,
    cpuSeconds: after.gateway.cpuSeconds - before.gateway.cpuSeconds,
    peakMiB: (await peak) ?? 0,
    foreignCores: Math.max(0, busy - (after.ours - before.ours)) / wallSeconds,
    stolenCores: (after.machine.stolenSeconds - before.machine.stolenSeconds) / wallSeconds,
  }
}

function read({ pid }: Running) {
  return {
    time: performance.now() / 1_000,
    gateway: usageOf(pid === undefined ? [] : gatewayFamily(pid)),
    ours: usageOf(familyOf(process.pid)).cpuSeconds,
    machine: machineTime(),
  }
}

async function watchMemory({ pid }: Running, signal: AbortSignal): Promise<number> {
  let peak = 0
  while (!signal.aborted) {
    peak = Math.max(peak, pid === undefined ? 0 : usageOf(gatewayFamily(pid)).rssMiB)
    await delay(100)
  }
  return peak
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
