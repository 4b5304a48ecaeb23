import { basename } from 'node:path'
import type { ProcessInfo } from '../record/event.ts'
import type { Change } from './change.ts'
import type { GitLfs } from './git-lfs.ts'
import type { OctetPath } from './plain-file.ts'

/** git is waited for so long after a change, in milliseconds. */
const holdMs = 300
/** And so long at the most: a lock may be left behind, or made up. */
const longestHoldMs = 30_000
const mostHeld = 20_000

interface Held {
  readonly since: number
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
      return true
    }
    // Who nobody saw may have been git.
    if (change.process !== undefined && !isGit(change.process)) return false
    if (this.#held.size >= mostHeld) return false
    this.#held.set(change.path, { since: this.#now(), changes: [change] })
    return true
  }

  /** A new baseline: what is right by it was git's own. Answers with the paths that were held. */
  settle(isStillWrong: (path: OctetPath) => boolean): ReadonlySet<OctetPath> {
    const paths = new Set(this.#held.keys())
    for (const path of paths) if (!isStillWrong(path)) this.#held.delete(path)
    return paths
  }

  /** Those that are git's no more, in order. */
  release(isBusy: (path: OctetPath) => boolean, isLast: boolean): readonly Change[] {
    const now = this.#now()
    const released: Change[] = []
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
   * Did `git lfs` bring a file from one form that is right to the other: from the pointer to its large file, or back? What went by
   * between was never a source: who swaps one and puts it back ends where it began.
   */
  #isOtherForm(changes: readonly Change[]): boolean {
    const [first] = changes
    const last = changes.at(-1)
    if (last?.event !== 'restored' || first?.before === undefined || last.after === undefined) return false
    return (
      first.before !== last.after && changes.every(({ process }) => process !== undefined && this.#lfs.isIt(process))
    )
  }
}

/** By its name: whoever lies about it is told 300 ms later, or as soon as nobody holds git's lock. */
function isGit({ exe }: ProcessInfo): boolean {
  const name = basename(exe)
  return name === 'git' || name.startsWith('git-') || exe.includes('/git-core/')
}
