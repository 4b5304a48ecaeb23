import { readFileSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'
import { calledAs, type InstallScript, readProcessAt } from './install-script.ts'

const mostParents = 32

/** Who was made by an install script, whatever became of its parents and its environment since. */
export interface KnownLineage {
  /** By the number that the job sees. */
  scriptOf(pid: number): InstallScript | undefined
}

/**
 * Finds out whether a process runs below an install script: by what its environment and its parents' say (npm, yarn, pnpm
 * and bun set `npm_lifecycle_event`, pip's hooks `_PYPROJECT_HOOKS_BUILD_BACKEND`, dpkg `DPKG_MAINTSCRIPT_PACKAGE`, Cargo
 * `OUT_DIR` and others), by how they were called (pip's callers, `extconf.rb`, Cargo's `build-script-build`), and by what the
 * kernel has told of how it came to be. Each process is looked at once.
 */
export class InstallScripts {
  readonly #procRoot: string | undefined
  readonly #lineage: KnownLineage | undefined
  readonly #known = new WeakMap<ProcessInfo, { readonly script: InstallScript | undefined }>()

  /** `lineage`: undefined where nobody knows; then a process that has left its parents and emptied its environment is not recognised. */
  constructor(procRoot: string | undefined, lineage?: KnownLineage) {
    this.#procRoot = procRoot
    this.#lineage = lineage
  }

  /** Undefined when it is below none, or nobody can say. */
  above(process: ProcessInfo | undefined): InstallScript | undefined {
    if (process === undefined) return undefined
    const known = this.#known.get(process)
    if (known !== undefined) return known.script
    const script = this.#find(process)
    this.#known.set(process, { script })
    return script
  }

  #find({ pid, exe, command, parents }: ProcessInfo): InstallScript | undefined {
    const told = calledAs(exe, command) ?? parents.map(parent => calledAs(parent, '')).find(one => one !== undefined)
    if (this.#procRoot === undefined) return told
    let next = pid
    for (let step = 0; next > 1 && step < mostParents; step += 1) {
      const folder = `${this.#procRoot}/${next}`
      const script = readProcessAt(folder)?.script
      if (script !== undefined) return script
      next = parentOf(folder)
    }
    return told ?? this.#lineage?.scriptOf(pid)
  }
}

function parentOf(folder: string): number {
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1')
    // The second field is a name in parentheses, which may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
