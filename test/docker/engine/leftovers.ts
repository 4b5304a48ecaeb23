import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, startTimeOf } from '../../lab/leftovers.ts'
import { removeCgroups } from './cgroups.ts'
import { places } from './places.ts'

/** A process, for good: a pid alone may be somebody else's by now. */
interface ProcessIdentity {
  readonly pid: number
  readonly startTime: string
}

/** What one engine leaves on the machine, and whose it is. Its mounts and containers end with the first process of its room. */
export interface Belongings {
  readonly id: string
  readonly owner: ProcessIdentity
  /** Pid 1 of the engine's room, as the machine counts. */
  readonly first?: ProcessIdentity
}

/** Name of the control group that holds an engine's containers. */
export function cgroupOf(id: string): string {
  return `tidegate-${id}`
}

/** The folder that holds an engine's data. */
export function folderOf(id: string): string {
  return `${places.engines}/${id}`
}

/** Writes down whose engine this is, before anything is made, then makes its folder. */
export function register(id: string): Belongings {
  mkdirSync(places.engines, { recursive: true })
  const belongings = { id, owner: identify(process.pid) }
  write(belongings)
  mkdirSync(folderOf(id))
  return belongings
}

/** Adds the first process of the engine's room, whose end is the end of every container. */
export function registerFirst(belongings: Belongings, pid: number): Belongings {
  const complete = { ...belongings, first: identify(pid) }
  write(complete)
  return complete
}

/** Ends the engine with all its containers, then removes control groups, files and the note itself. Safe to repeat. */
export async function remove({ id, first }: Belongings): Promise<void> {
  if (first !== undefined && isAlive(first)) {
    process.kill(first.pid, 'SIGKILL')
    // The kernel ends the room's other processes before it lets go of the first.
    for (const deadline = Date.now() + 20_000; isAlive(first); await delay(5))
      if (Date.now() > deadline) throw new Error(`engine ${id}: process ${first.pid} does not end`)
  }
  removeCgroups(cgroupOf(id))
  rmSync(folderOf(id), { recursive: true, force: true, maxRetries: 5 })
  rmSync(noteOf(id), { force: true })
}

/** Removes the engines whose owner has died. Returns their ids. */
export async function sweep(): Promise<readonly string[]> {
  if (!existsSync(places.engines)) return []
  const swept: string[] = []
  for (const file of readdirSync(places.engines)) {
    if (!file.endsWith('.json')) continue
    const belongings = read(file)
    if (belongings === undefined || isAlive(belongings.owner)) continue
    await remove(belongings)
    swept.push(belongings.id)
  }
  return swept
}

function identify(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) ?? '' }
}

function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return isRunning(pid) && startTimeOf(pid) === startTime
}

function noteOf(id: string): string {
  return `${folderOf(id)}.json`
}

/** At once or not at all: whoever sweeps meanwhile reads a whole note. */
function write(belongings: Belongings): void {
  const draft = `${noteOf(belongings.id)}.draft`
  writeFileSync(draft, JSON.stringify(belongings))
  renameSync(draft, noteOf(belongings.id))
}

/** `undefined` when somebody else swept it first. */
function read(file: string): Belongings | undefined {
  const path = `${places.engines}/${file}`
  if (!existsSync(path)) return undefined
  const belongings: Belongings = JSON.parse(readFileSync(path, 'utf8'))
  return belongings
}
