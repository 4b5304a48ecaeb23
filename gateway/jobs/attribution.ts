import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SocketTable } from '../packet/sock-diag.ts'
import type { ProcessInfo } from '../record/event.ts'
import type { JobSocket } from './job.ts'
import { ancestors, readProcess } from './process.ts'

/** What attribution needs of the job. */
export interface AttributionSource {
  readonly sockets: Pick<SocketTable, 'find'>
  /** The procfs of the job's pid namespace: `/proc/INIT/root/proc`. It shows the job's processes and no others. */
  readonly procRoot: string
  /** Told when the kernel cannot be asked; the flow goes on without a process. */
  readonly failed: (cause: unknown) => void
  /** Milliseconds; default `performance.now`. */
  readonly now?: () => number
}

/** Bounds of one search, in milliseconds: of all of it, and of what is done without letting others run. */
const limits = { searchMs: 100, sliceMs: 2 } as const
/** Sockets whose holder is remembered from searches. */
const remembered = 4_096

/** Finds the process behind a connection or datagram of the job. */
export type Attribute = (socket: JobSocket) => Promise<ProcessInfo | undefined>

/**
 * Opens attribution for one job. The answer is exact or undefined: the kernel names the socket of the two addresses, and
 * the process is one that holds this very socket at this moment; of a family that shares it, the eldest. Pids are those
 * the job itself sees. Call while the client waits.
 */
export function openAttribution(source: AttributionSource): Attribute {
  const search = new Search(source.procRoot, source.now ?? (() => performance.now()))
  return async ({ transport, source: local, destination }) => {
    let inode: number | undefined
    try {
      inode = source.sockets.find(transport, local, destination)?.inode
    } catch (cause) {
      source.failed(cause)
    }
    if (inode === undefined) return undefined
    const holding = await search.holderOf(inode)
    if (holding === undefined) return undefined
    const process = readProcess(source.procRoot, holding.pid, holding.parents)
    // Between the two looks it may have closed the socket and become another program.
    return search.isHeld(holding, inode) ? process : undefined
  }
}

interface Holding {
  readonly pid: number
  readonly fd: string
}

/** What holds a socket, and of a family that shares it the eldest. */
interface Holder extends Holding {
  readonly parents: readonly number[]
}

class Search {
  readonly #procRoot: string
  readonly #now: () => number
  /** By inode: where searches have seen sockets. Only a hint, checked before it is believed. */
  readonly #seen = new Map<number, Holding>()
  /** Processes that were found, the last one last: they are asked first. */
  readonly #recent = new Set<number>()
  #sliceEnd = 0

  constructor(procRoot: string, now: () => number) {
    this.#procRoot = procRoot
    this.#now = now
  }

  async holderOf(inode: number): Promise<Holder | undefined> {
    const deadline = this.#now() + limits.searchMs
    this.#sliceEnd = this.#now() + limits.sliceMs
    const found = this.#seenAt(inode) ?? (await this.#look(inode, deadline))
    const eldest = found === undefined ? undefined : await this.#eldest(found, inode, deadline)
    // What took too long is not certain.
    if (eldest === undefined || this.#now() > deadline) return undefined
    this.#recent.delete(eldest.pid)
    this.#recent.add(eldest.pid)
    for (const pid of this.#recent) if (this.#recent.size > 16) this.#recent.delete(pid)
    return eldest
  }

  /** Does the process have the socket there now? */
  isHeld({ pid, fd }: Holding, inode: number): boolean {
    return socketAt(`${this.#procRoot}/${pid}/fd/${fd}`) === inode
  }

  #seenAt(inode: number): Holding | undefined {
    const holding = this.#seen.get(inode)
    if (holding === undefined || this.isHeld(holding, inode)) return holding
    this.#seen.delete(inode)
    return undefined
  }

  async #look(inode: number, deadline: number): Promise<Holding | undefined> {
    const recent = [...this.#recent].toReversed()
    const others = this.#pids().filter(pid => !this.#recent.has(pid))
    for (const pid of [...recent, ...others]) {
      const holding = await this.#holding(pid, inode, deadline)
      if (holding !== undefined) return holding
      if (this.#now() > deadline) break
    }
    return undefined
  }

  /** A child may hold what its parent opened; who opened it is the eldest of the line that holds it. */
  async #eldest(found: Holding, inode: number, deadline: number): Promise<Holder> {
    const line = ancestors(this.#procRoot, found.pid)
    let eldest: Holder = { ...found, parents: line }
    for (const [index, parent] of line.entries()) {
      const holding = await this.#holding(parent, inode, deadline)
      if (holding !== undefined) eldest = { ...holding, parents: line.slice(index + 1) }
    }
    return eldest
  }

  /** Newest first: who connects has most often just been started. */
  #pids(): readonly number[] {
    return listDirectory(this.#procRoot)
      .map(Number)
      .filter(pid => Number.isInteger(pid) && pid > 1)
      .toSorted((a, b) => b - a)
  }

  async #holding(pid: number, inode: number, deadline: number): Promise<Holding | undefined> {
    for (const fd of listDirectory(`${this.#procRoot}/${pid}/fd`).toReversed()) {
      const socket = socketAt(`${this.#procRoot}/${pid}/fd/${fd}`)
      if (socket !== undefined) this.#remember(socket, { pid, fd })
      if (socket === inode) return { pid, fd }
      if (this.#now() < this.#sliceEnd) continue
      if (this.#now() > deadline) break
      await nextTurn()
      this.#sliceEnd = this.#now() + limits.sliceMs
    }
    return undefined
  }

  #remember(socket: number, holding: Holding): void {
    if (this.#seen.size >= remembered) this.#seen.clear()
    this.#seen.set(socket, holding)
  }
}

function socketAt(path: string): number | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1]
    return inode === undefined ? undefined : Number(inode)
  } catch {
    // The process or its descriptor is gone.
    return undefined
  }
}

function listDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
