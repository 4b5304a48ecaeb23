import { performance } from 'node:perf_hooks'
import { releaseFreeMemory } from './packet/libc.ts'
import { collectAll } from './upstream/collector.ts'

/** How often is looked whether there is nothing to do, in milliseconds. */
const lookMs = 1_000
/** A gateway that was at work for less of that time is not missed for some 30 ms. */
const restingShare = 0.1
/**
 * Rests in a row before memory is given back again. The start needs one: nothing is warm yet. After a load V8 forgets with the
 * garbage what it has learned of the code: measured, the next second of HTTP/2 took half as much CPU again.
 */
const restsAgain = 10
/** What memory must have grown by since it was last given back, in bytes: less is not worth the work. */
const worthwhile = 16 * 1024 * 1024

/** What is looked at and what is done; the seam of tests. */
export interface MemoryPorts {
  /** Share of the time since the last call in which the event loop was at work, 0 to 1. */
  readonly workShare: () => number
  /** Resident memory of this process, in bytes. */
  readonly resident: () => number
  readonly giveBack: () => void
}

/**
 * Gives memory back to the machine when the gateway rests: at once what its start needed, after ten seconds what a load has left. A
 * build's machine is small, and neither V8 nor the C library gives back by itself what it may need again.
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
    if (rests < restsNeeded || resident() < kept + worthwhile) return
    giveBack()
    kept = resident()
    restsNeeded = restsAgain
  }
}

function shareSinceLastCall(): MemoryPorts['workShare'] {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  }
}

function collectAndRelease(): void {
  collectAll()
  releaseFreeMemory()
}
