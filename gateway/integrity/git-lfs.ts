import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { ProcessInfo } from '../record/event.ts'
import { octets, type OctetPath } from './plain-file.ts'

const program = 'git-lfs'

/**
 * git's program for large files: the one that the job finds by its PATH, as it was when the job began. One that only has its name
 * is not it, nor is one that the job has changed, put there, or mounted over it: what it writes is told like anybody's. What this
 * program does the job can still decide, by a library that it has it load: it is waited for, and not believed.
 */
export class GitLfs {
  readonly #procRoot: string | undefined
  readonly #own: ReadonlySet<string>
  readonly #known = new WeakSet<ProcessInfo>()

  /** `procRoot`: a procfs with the pids that processes are told by; without one nobody is known. `folders`: absolute, outside of the workspace. */
  constructor(procRoot: string | undefined, folders: readonly OctetPath[]) {
    this.#procRoot = procRoot
    const marks = folders.map(folder => programAt(`${folder}/${program}`))
    this.#own = new Set(marks.filter(mark => mark !== undefined))
  }

  /** Looks at a process that did something just now: a moment later it may be gone. */
  notice(process: ProcessInfo): void {
    if (!this.#known.has(process) && this.#isThere(process)) this.#known.add(process)
  }

  /** Was it this program, when `notice` was told of it? */
  isIt(process: ProcessInfo): boolean {
    return this.#known.has(process)
  }

  /** Was it, and does it run still? */
  isRunning(process: ProcessInfo): boolean {
    return this.#known.has(process) && this.#isThere(process)
  }

  #isThere({ pid, exe }: ProcessInfo): boolean {
    if (this.#procRoot === undefined || basename(exe) !== program) return false
    const mark = programAt(`${this.#procRoot}/${pid}/exe`)
    return mark !== undefined && this.#own.has(mark)
  }
}

/**
 * What tells a program from every other, and from itself after somebody wrote to it: whoever may do that, the time of the last
 * change cannot be set back. Links are followed, /proc's own too, which lead to the very file whatever its name leads to.
 */
function programAt(path: OctetPath): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(octets(path), { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    // Nothing is there, or it has ended.
    return undefined
  }
}
