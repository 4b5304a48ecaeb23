import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { runProgram } from './program.ts'

const stateDir = '/run/tidegate-lab'

/** What one lab leaves on the machine, and whose it is. */
export interface Belongings {
  readonly id: string
  readonly owner: { readonly pid: number; readonly startTime: string }
  readonly namespaces: readonly string[]
  readonly dir: string
}

/** Writes down what is about to be made, so that somebody can remove it if its owner dies. */
export function register(id: string, namespaces: readonly string[], dir: string): Belongings {
  const belongings: Belongings = {
    id,
    owner: { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' },
    namespaces,
    dir,
  }
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(stateFile(id), JSON.stringify(belongings))
  return belongings
}

/** Ends every process in the namespaces, then removes namespaces, files and the state itself. Safe to repeat. */
export async function remove(belongings: Belongings): Promise<void> {
  const deadline = Date.now() + 5_000
  const killed = new Set<number>()
  for (
    let found = killInside(belongings.namespaces);
    Date.now() < deadline;
    found = killInside(belongings.namespaces)
  ) {
    for (const pid of found) killed.add(pid)
    if (found.length === 0 && ![...killed].some(isRunning)) break
    await delay(5)
  }
  for (const name of belongings.namespaces) await runProgram('/usr/sbin/ip', ['netns', 'delete', name])
  removeFiles(belongings)
}

/** The same without waiting, for `process.on('exit')`. */
export function removeNow(belongings: Belongings): void {
  killInside(belongings.namespaces)
  for (const name of belongings.namespaces) spawnSync('/usr/sbin/ip', ['netns', 'delete', name], { stdio: 'ignore' })
  removeFiles(belongings)
}

/** Removes the labs whose owner has died. Returns their ids. */
export async function sweep(): Promise<readonly string[]> {
  const swept: string[] = []
  for (const file of listDir(stateDir)) {
    const belongings = readState(`${stateDir}/${file}`)
    if (belongings === undefined || startTimeOf(belongings.owner.pid) === belongings.owner.startTime) continue
    await remove(belongings)
    swept.push(belongings.id)
  }
  return swept
}

/** Kills what runs in the namespaces and says which processes that were. */
function killInside(names: readonly string[]): number[] {
  const inodes = new Set(names.map(namespaceInode).filter(inode => inode !== undefined))
  if (inodes.size === 0) return []
  const killed: number[] = []
  for (const entry of listDir('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || !inodes.has(inodeOf(pid) ?? '')) continue
    killed.push(pid)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It was faster.
    }
  }
  return killed
}

function inodeOf(pid: number): string | undefined {
  try {
    return /^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1]
  } catch {
    return undefined
  }
}

function namespaceInode(name: string): string | undefined {
  const own = inodeOf(process.pid)
  const inode = statSync(`/run/netns/${name}`, { throwIfNoEntry: false })?.ino.toString()
  // A file of that name that is not a namespace, or is ours, must not get us killed.
  return inode === own ? undefined : inode
}

/** A process that is neither gone nor a zombie waiting for its parent. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Field 22 of /proc/PID/stat: with the pid it names a process for good. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function removeFiles({ id, namespaces, dir }: Belongings): void {
  for (const name of namespaces) rmSync(`/etc/netns/${name}`, { recursive: true, force: true })
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  rmSync(stateFile(id), { force: true })
}

function readState(path: string): Belongings | undefined {
  try {
    const state: Belongings = JSON.parse(readFileSync(path, 'utf8'))
    return state
  } catch {
    return undefined
  }
}

function listDir(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function stateFile(id: string): string {
  return `${stateDir}/${id}.json`
}
