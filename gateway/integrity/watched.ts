import type { ProcessInfo } from '../record/event.ts'
import type { Written } from './change.ts'
import type { Expected, Found } from './content.ts'

/** A tracked file, and what is known of it. */
export interface Watched {
  readonly expected: Expected
  /** Its id in the commit. */
  readonly blob: string
  found: Found
  /** When it is to be looked at, in milliseconds. */
  dueAt: number | undefined
  process: ProcessInfo | undefined
  /** Who finished writing since we looked last. */
  readonly writers: Set<number>
  /** How often it was looked at since `since`. */
  looks: number
  since: number
}

/** A file that is written again and again is looked at so often a second. */
const mostLooks = 40

/** A file as it was found when its commit became the baseline. */
export function newlyWatched(expected: Expected, blob: string, found: Found): Watched {
  return { expected, blob, found, dueAt: undefined, process: undefined, writers: new Set(), looks: 0, since: 0 }
}

/** Takes who wrote: what comes from now on is for the next look. */
export function takeWritten(watched: Watched): Written {
  const { process, writers } = watched
  const count = writers.size
  writers.clear()
  watched.process = undefined
  watched.dueAt = undefined
  return { process, count }
}

/** Counts a look; true when there were too many within a second. */
export function isTooOften(watched: Watched, now: number): boolean {
  if (now - watched.since > 1_000) {
    watched.since = now
    watched.looks = 0
  }
  watched.looks += 1
  return watched.looks > mostLooks
}
