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
const patienceMs = 5_000
const lookMs = 250

/** What one command of the load may take, in seconds: 1 GiB through the slow reader takes 16. */
const limitSeconds = 45

/**
 * What all waiting for quiet and all repeating may take in one run, in milliseconds: a machine that is never quiet must not
 * keep a run from its end. When it is used up figures are taken as they come, and the page says how noisy it was.
 */
let patienceLeftMs = 120_000

/** The worst noise of the measurements that were kept, cores: for the report. */
export const noise: number[] = []

/** Runs `command` in the load's shell, on the load's core, and measures the gateway. The quietest of `tries` is kept. */
export async function measure(running: Running, command: string, { watch = false, tries = 2 } = {}): Promise<Measured> {
  await quiet()
  let best = await once(running, command, watch)
  for (let left = tries - 1; left > 0 && patienceLeftMs > 0 && noiseOf(best) > tolerated; left -= 1) {
    await quiet()
    const began = performance.now()
    const next = await once(running, command, watch)
    patienceLeftMs -= performance.now() - began
    if (noiseOf(next) < noiseOf(best)) best = next
  }
  noise.push(noiseOf(best))
  return best
}

/** 124 and 137 are those of timeout(1). */
function whyOf(exitCode: number): string {
  return exitCode === 124 || exitCode === 137 ? `the load hung for ${limitSeconds} s` : `exit ${exitCode}`
}

function noiseOf({ foreignCores, stolenCores }: Measured): number {
  return foreignCores + stolenCores
}

/** Waits until the rest of the machine is at rest, or patience ends. */
async function quiet(): Promise<void> {
  const began = performance.now()
  const deadline = began + Math.min(patienceMs, patienceLeftMs)
  for (;;) {
    const before = readMachine()
    await delay(lookMs)
    const after = readMachine()
    const foreign = (after.busy - before.busy - (after.ours - before.ours)) / (after.time - before.time)
    if (foreign < tolerated || performance.now() > deadline) break
  }
  patienceLeftMs -= performance.now() - began
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
  // Ended from outside when it hangs, or its shell would be lost for all who come after.
  const bounded = `timeout -k 2 ${limitSeconds} taskset -c ${cores.load} sh -c ${quoted(command)}`
  const { output, exitCode } = await running.shell.run(bounded, (limitSeconds + 30) * 1_000)
  over.abort()
  const after = read(running)
  if (exitCode !== 0) throw new Error(`${whyOf(exitCode)}: ${command}\n${output}${running.shell.complaints}`)
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
