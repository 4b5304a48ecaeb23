import { readFileSync, readlinkSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'

/** Processes remembered; a build seldom has more that connect at a time. */
const most = 64

interface Known {
  readonly process: ProcessInfo
  /** Pids of `process.parents`. */
  readonly parents: readonly number[]
  readonly fingerprint: string
  /** Sockets its parents held when it was first seen: what it has inherited is theirs. */
  readonly inherited: ReadonlySet<number>
}

/**
 * What was found out about processes, for their further connections. A process may become another program at any time, so
 * nothing is believed before the kernel has confirmed it: one small read for the process, one for each parent's program,
 * instead of the dozens that finding out takes.
 */
export class KnownProcesses {
  readonly #procRoot: string
  readonly #known = new Map<number, Known>()

  constructor(procRoot: string) {
    this.#procRoot = procRoot
  }

  /**
   * The process, if it is still what it was and opened the socket itself. `uid`: whose socket it is, says the kernel; a
   * process that has become another user is looked at anew. `confirmed`: of one look, those that were found to be what they
   * were; who is known now and was known before was the same all the while, so one question does for all sockets of a look.
   */
  recall(pid: number, inode: number, uid: number, confirmed: Set<number>): ProcessInfo | undefined {
    const known = this.#known.get(pid)
    if (known === undefined || known.inherited.has(inode) || known.process.uid !== uid) return undefined
    if (confirmed.has(pid)) return known.process
    if (known.fingerprint === fingerprint(this.#procRoot, pid) && this.#haveSameParents(known)) {
      confirmed.add(pid)
      return known.process
    }
    this.#known.delete(pid)
    return undefined
  }

  /** Begins to learn about a process; what is read until `learn` belongs to what is fingerprinted now. */
  fingerprint(pid: number): string | undefined {
    return fingerprint(this.#procRoot, pid)
  }

  learn(
    pid: number,
    process: ProcessInfo,
    parents: readonly number[],
    before: string | undefined,
    inherited: ReadonlySet<number>,
  ): void {
    if (before === undefined || before !== fingerprint(this.#procRoot, pid)) return
    this.#known.delete(pid)
    this.#known.set(pid, { process, parents, fingerprint: before, inherited })
    for (const oldest of this.#known.keys()) if (this.#known.size > most) this.#known.delete(oldest)
  }

  #haveSameParents({ process, parents }: Known): boolean {
    try {
      return parents.every((pid, index) => readlinkSync(`${this.#procRoot}/${pid}/exe`) === process.parents[index])
    } catch {
      // One of them has ended.
      return false
    }
  }
}

/**
 * What changes when a process forks, loses its parent, or executes a program: its parent, when it was started, and where
 * the kernel has put program, stack and arguments (proc(5), stat, fields 4, 22, 26, 28, 48, 49), which is drawn anew with
 * each execution. Undefined where the kernel does not show them.
 */
function fingerprint(procRoot: string, pid: number): string | undefined {
  let stat: string
  try {
    // As UTF-8: Node reads that in one call of its own, and anything else in several.
    stat = readFileSync(`${procRoot}/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is a name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [parent, started, program, stack, from, to] = [1, 19, 23, 25, 45, 46].map(index => fields[index])
  if (from === undefined || from === '0') return undefined
  return `${parent} ${started} ${program} ${stack} ${from} ${to}`
}
