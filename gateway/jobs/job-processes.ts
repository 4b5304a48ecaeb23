import { readdirSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'
import { ancestors, readProcess } from './process.ts'

/** The processes of a job as a procfs shows them; pids are those of that procfs. */
export interface JobProcesses {
  /** Where the procfs is. */
  readonly root: string
  /** Newest first: who connects has most often just been started. */
  pids(): readonly number[]
  /** The parents of a process that are the job's, nearest first. */
  parents(pid: number): readonly number[]
  /** What is told of a process, with these parents; undefined when it is gone. */
  read(pid: number, parents: readonly number[]): ProcessInfo | undefined
}

/** All that a procfs of the job's own pid namespace shows but process 1, which is ours. */
export function allProcesses(root: string): JobProcesses {
  return {
    root,
    pids: () => pidsOf(root).filter(pid => pid > 1),
    parents: pid => ancestors(root, pid),
    read: (pid, parents) => readProcess(root, pid, parents),
  }
}

/** Every process of a procfs, newest first; none when it cannot be read. */
export function pidsOf(root: string): readonly number[] {
  try {
    return readdirSync(root)
      .map(Number)
      .filter(pid => Number.isInteger(pid) && pid > 0)
      .toSorted((a, b) => b - a)
  } catch {
    return []
  }
}
