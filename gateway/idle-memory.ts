import { performance } from 'node:perf_hooks'
import { releaseFreeMemory } from './packet/libc.ts'
import { collectAll } from './upstream/collector.ts'

/** How often is looked whether there is nothing to do, in milliseconds. */
const lookMs = 1_000
/** A gateway that was at work for less of that time is not missed for some 30 ms. */
const restingShare = 0.1
/**
 * Rests in a row before memory is given back after a load. With the garbage V8 forgets what it has learned of the code: compiled
 * code holds on to the shapes of objects that are dead by then. Measured, the next seconds of requests took twice the CPU.
 */
const restsAgain = 60
/** What memory must have grown by since it was last given back, in bytes: less is not worth the work. */
const worthwhile = 16 * 1024 * 1024

/** What is looked at and what is done; the seam of tests. */
export interface MemoryPorts {
  /** Share of the time since the last call that this thread has spent on a CPU, 0 to 1. */
  readonly workShare: () => number
  /** Resident memory of this process, in bytes. */
  readonly resident: () => number
  readonly giveBack: () => void
}

/**
 * Gives memory back to the machine when the gateway rests: at once what its start needed, as long as nothing has come that could have
 * warmed its code; after a minute what a load has left. A build's machine is small, and neither V8 nor the C library gives back by
 * itself what it may need again.
 */
export function openIdleMemory(): Disposable {
  const look = memoryWatch({
    workShare: shareSinceLastCall(),
    resident: () => process.memoryUsage.rss(),
    giveBack: collectAndRelease,
  })
  const timer = setInterval(look, lookMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** One look, each time it is called. */
export function memoryWatch({ workShare, resident, giveBack }: MemoryPorts): () => void {
  let kept = 0
  let rests = 0
  let restsNeeded = 1
  return () => {
    rests = workShare() > restingShare ? 0 : rests + 1
    if (rests === 0) restsNeeded = restsAgain
    if (rests < restsNeeded || resident() < kept + worthwhile) return
    giveBack()
    kept = resident()
    restsNeeded = restsAgain
  }
}

/** By CPU time: on a machine whose cores are all taken by the build, little work takes long, and is still little work. */
function shareSinceLastCall(): MemoryPorts['workShare'] {
  let at = performance.now()
  let used = process.threadCpuUsage()
  return () => {
    const [since, before] = [at, used]
    at = performance.now()
    used = process.threadCpuUsage()
    return (used.user - before.user + used.system - before.system) / 1_000 / (at - since)
  }
}

function collectAndRelease(): void {
  collectAll()
  releaseFreeMemory()
}
