import { readFileSync, readlinkSync } from 'node:fs'
import { NamespaceProcesses } from '../jobs/namespace-processes.ts'
import { readProcess } from '../jobs/process.ts'
import type { ProcessInfo } from '../record/event.ts'

/** A process that was seen is known for so long after its end, in milliseconds: no number comes around again so soon. */
const rememberedMs = 100
const mostRemembered = 256

/** Looks at a process of the job now, by its number in our own pid namespace. */
export type LookAtProcess = (pid: number) => ProcessInfo | undefined

/**
 * Who a process of the kernel's notices is, as the job sees it. It may have ended by then, or be outside of the job: then
 * nobody is named.
 */
export class Writers {
  readonly #look: LookAtProcess
  readonly #now: () => number
  readonly #remembered = new Map<number, { readonly process: ProcessInfo; readonly at: number }>()

  /** `now`: milliseconds of a monotonic clock. */
  constructor(look: LookAtProcess, now: () => number = () => performance.now()) {
    this.#look = look
    this.#now = now
  }

  /** `pid` as our own pid namespace numbers it; 0 is nobody. */
  find(pid: number): ProcessInfo | undefined {
    const process = pid === 0 ? undefined : this.#look(pid)
    const now = this.#now()
    if (process === undefined) {
      const known = this.#remembered.get(pid)
      return known !== undefined && now - known.at < rememberedMs ? known.process : undefined
    }
    this.#remembered.delete(pid)
    this.#remembered.set(pid, { process, at: now })
    for (const oldest of this.#remembered.keys())
      if (this.#remembered.size > mostRemembered) this.#remembered.delete(oldest)
    return process
  }
}

/** By the job's own procfs. */
export function lookInProcfs(procRoot: string): LookAtProcess {
  return pid => {
    const inner = innerPid(procRoot, pid)
    return inner === undefined ? undefined : readProcess(procRoot, inner)
  }
}

/** Of a job in a container, by our own procfs, where that shows it (`pid: host`): whoever is in the job's network namespace. */
export function lookInNamespace(netns: string): LookAtProcess {
  const processes = new NamespaceProcesses('/proc', netns, () => performance.now())
  return pid => (processes.isInside(pid) ? processes.read(pid, processes.parents(pid)) : undefined)
}

/**
 * The numbers of a process stand in its status, ours first, then the job's. That the number means the same process in the
 * job's procfs, the namespace proves that it lives in: within one no two have the same innermost number.
 */
function innerPid(procRoot: string, pid: number): number | undefined {
  try {
    const numbers = namespacePids('/proc', pid)
    const inner = numbers[1]
    if (inner === undefined) return undefined
    const isSame =
      readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync(`${procRoot}/${inner}/ns/pid`) &&
      namespacePids(procRoot, inner).at(-1) === numbers.at(-1)
    return isSame ? inner : undefined
  } catch {
    // It has ended, or is none of the job's.
    return undefined
  }
}

/** NSpid of proc(5): its numbers from the namespace of that procfs inwards. */
function namespacePids(root: string, pid: number): readonly number[] {
  const line = /^NSpid:\s+([\d\s]+)$/m.exec(readFileSync(`${root}/${pid}/status`, 'latin1'))?.[1] ?? ''
  return line.split(/\s+/).filter(Boolean).map(Number)
}
