import { readFileSync, readlinkSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'

/** Longest command line told, UTF-16 units. */
const longestCommand = 512
/** Most parents told: a build that nests deeper is told without its top. */
const mostParents = 32

/**
 * What /proc says of a process: `procRoot` is a procfs, and pids are those of its pid namespace. Undefined when the process
 * is gone. Nothing is kept: a process may become another program at any time. `parents`: what `ancestors()` said just now.
 */
export function readProcess(
  procRoot: string,
  pid: number,
  parents: readonly number[] = ancestors(procRoot, pid),
): ProcessInfo | undefined {
  try {
    const exe = readlinkSync(`${procRoot}/${pid}/exe`)
    const raw = readFileSync(`${procRoot}/${pid}/cmdline`, 'utf8')
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`${procRoot}/${pid}/status`, 'utf8'))?.[1])
    if (!Number.isInteger(uid)) return undefined
    const command = raw.replace(/\0+$/, '').replaceAll('\0', ' ').slice(0, longestCommand)
    return { pid, exe, command, uid, parents: parents.map(parent => readlinkSync(`${procRoot}/${parent}/exe`)) }
  } catch {
    // It ended while we looked: then nobody can say any more.
    return undefined
  }
}

/** The pids of the parents of `pid`, nearest first, without process 1 of the job. Ends early where one is gone. */
export function ancestors(procRoot: string, pid: number): readonly number[] {
  const found: number[] = []
  for (let next = parentOf(procRoot, pid); next > 1 && found.length < mostParents; next = parentOf(procRoot, next)) {
    found.push(next)
  }
  return found
}

/** 0 for the job's first process, whose parent is outside, and for one that is gone. */
function parentOf(procRoot: string, pid: number): number {
  try {
    const stat = readFileSync(`${procRoot}/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses, which may hold anything: spaces, parentheses, broken UTF-8.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
