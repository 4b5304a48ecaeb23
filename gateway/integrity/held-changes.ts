import { basename } from 'node:path'
import type { ProcessInfo } from '../record/event.ts'
import type { Change } from './change.ts'
import type { Found } from './content.ts'
import type { GitLfs } from './git-lfs.ts'
import type { OctetPath } from './plain-file.ts'

/** git is waited for so long after a change, in milliseconds. */
const holdMs = 300
/** And so long at the most: a lock may be left behind, or made up. */
const longestHoldMs = 30_000
const mostHeld = 20_000

interface Held {
  readonly since: number
  /** When the last came. */
  lastAt: number
  readonly changes: Change[]
}

/**
 * Changes of which it is not known yet whether they are git's own: what git writes is right when it is what the commit
 * says that git then checks out. What another program wrote waits for nothing.
 */
export class HeldChanges {
  readonly #now: () => number
  readonly #lfs: Pick<GitLfs, 'isIt' | 'isRunning'>
  readonly #held = new Map<OctetPath, Held>()
  /** What turned out to be no work of git's, and is told with the next release. */
  #swaps: Change[] = []

  /** `lfs`: `git lfs pull` writes file after file, and the index when it is done. Nobody else is waited for as long as he runs. */
  constructor(now: () => number, lfs: Pick<GitLfs, 'isIt' | 'isRunning'>) {
    this.#now = now
    this.#lfs = lfs
  }

  /** False when it is to be told at once. */
  take(change: Change): boolean {
    const known = this.#held.get(change.path)
    if (known !== undefined) {
      known.changes.push(change)
      known.lastAt = this.#now()
      return true
    }
    // Who nobody saw may have been git.
    if (change.process !== undefined && !isGit(change.process)) return false
    if (this.#held.size >= mostHeld) return false
    const since = this.#now()
    this.#held.set(change.path, { since, lastAt: since, changes: [change] })
    return true
  }

  /**
   * A new baseline: what is right by it was git's own, but not what the file held before that. Answers with the paths that were
   * held. `foundAt`: what a file holds; undefined when it is no source any more.
   */
  settle(foundAt: (path: OctetPath) => Found | undefined): ReadonlySet<OctetPath> {
    const paths = new Set(this.#held.keys())
    for (const [path, held] of this.#held) {
      const found = foundAt(path)
      if (found?.isRight === false) continue
      this.#held.delete(path)
      const isLast = held.changes.at(-1)?.after === found?.id
      const endedAt = isLast ? held.lastAt : this.#now()
      if (!isOneWrite(held.changes, found) || isPutBack(held, found, endedAt))
        this.#swaps.push(...withEnd(held.changes, found))
    }
    return paths
  }

  /** Those that are git's no more, in order. */
  release(isBusy: (path: OctetPath) => boolean, isLast: boolean): readonly Change[] {
    const now = this.#now()
    const released = this.#swaps
    this.#swaps = []
    for (const [path, { since, changes }] of this.#held) {
      const isAtWork = (): boolean =>
        isBusy(path) || changes.some(({ process }) => process !== undefined && this.#lfs.isRunning(process))
      const isWaiting = now - since < holdMs || (now - since < longestHoldMs && isAtWork())
      if (isWaiting && !isLast) continue
      this.#held.delete(path)
      if (!this.#isOtherForm(changes)) released.push(...changes)
    }
    return released
  }

  /**
   * Did `git lfs` bring a file from one form that is right to the other, from the pointer to its large file? Its process may still
   * write what somebody else wants it to (LD_PRELOAD): between the two is nothing but the beginning of the large file.
   */
  #isOtherForm(changes: readonly Change[]): boolean {
    const [first] = changes
    const last = changes.at(-1)
    if (last?.event !== 'restored' || first?.before === undefined || last.after === undefined) return false
    return (
      first.before !== last.after &&
      isGrowing(changes) &&
      changes.every(({ process }) => process !== undefined && this.#lfs.isIt(process))
    )
  }
}

/**
 * Did nothing stand there between what it held first and what it holds now but the beginning of that, or nothing at all? git
 * removes a file, and writes it anew. A second content in between is told, be it of another commit: the job decides what commits hold.
 */
function isOneWrite(changes: readonly Change[], found: Found | undefined): boolean {
  if (found === undefined) return changes.every(({ after }) => after === undefined)
  return isGrowing(changes) && (changes.at(-1)?.after === found.id || found.isGrown === true)
}

/** Each the beginning of the next, from something that was there or another time from what is right. */
function isGrowing(changes: readonly Change[]): boolean {
  return changes.every(({ isGrown, before }, at) => {
    const isFirst = at === 0 || changes[at - 1]?.event === 'restored'
    return isGrown === true || (isFirst && before !== undefined)
  })
}

/** Was it away, or cut short, for longer than git takes to write the same again? */
function isPutBack({ since, changes }: Held, found: Found | undefined, endedAt: number): boolean {
  const before = changes[0]?.before
  const isBack = [...changes.map(({ after }) => after), found?.id].includes(before)
  return found !== undefined && isBack && endedAt - since >= holdMs
}

/** As it is told: what a source holds in the end is right. */
function withEnd(changes: readonly Change[], found: Found | undefined): readonly Change[] {
  const last = changes.at(-1)
  if (last === undefined || found === undefined) return changes
  if (last.after === found.id) return [...changes.slice(0, -1), { ...last, event: 'restored' }]
  const { path, after: before } = last
  return [...changes, { path, event: 'restored', before, after: found.id, process: undefined }]
}

/** By its name: whoever lies about it is told later, 300 ms or as long as somebody holds git's lock, and always when he puts it back. */
function isGit({ exe }: ProcessInfo): boolean {
  const name = basename(exe)
  return name === 'git' || name.startsWith('git-') || exe.includes('/git-core/')
}
