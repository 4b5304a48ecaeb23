import { readFileSync } from 'node:fs'

/** A process, named so that a later one with the same pid is not taken for it. */
export interface Owner {
  readonly pid: number
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  readonly startTime: string
}

/** The process that runs this code. */
export function thisProcess(): Owner {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
}

/** Is that very process still there? */
export function isAlive(owner: Owner): boolean {
  return startTimeOf(owner.pid) === owner.startTime
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is a name in parentheses, which may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
