import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ProcessInfo } from '../record/event.ts'
import type { JobProcesses } from './job-processes.ts'

/** Milliseconds of looking without letting others run. */
const sliceMs = 2

/** Where a process has a socket. */
export interface Holding {
  readonly pid: number
  readonly fd: string
}

/** The descriptors of one process, looked at one after the other, each once. */
interface Descriptors {
  /** Oldest first: taken from the end. */
  readonly unseen: string[]
  /** There is no such process any more, or it is not ours to look at. */
  readonly isGone: boolean
  readonly sockets: Map<number, Holding>
}

/**
 * One look at the job's processes by its procfs. What it has read it does not read again, so it answers for connections
 * that were there before the look began, and for no others. Ends at `deadline`, and is then not to be believed.
 */
export class ProcView {
  readonly #processes: JobProcesses
  readonly #now: () => number
  readonly #deadline: number
  readonly #descriptors = new Map<number, Descriptors>()
  readonly #lines = new Map<number, readonly number[]>()
  readonly #told = new Map<number, ProcessInfo | undefined>()
  #pids: readonly number[] | undefined
  #sliceEnd: number

  /** `now`: milliseconds of a monotonic clock, as is `deadline`. */
  constructor(processes: JobProcesses, now: () => number, deadline: number) {
    this.#processes = processes
    this.#now = now
    this.#deadline = deadline
    this.#sliceEnd = now() + sliceMs
  }

  get isOver(): boolean {
    return this.#now() > this.#deadline
  }

  /** Newest first. */
  get pids(): readonly number[] {
    this.#pids ??= this.#processes.pids()
    return this.#pids
  }

  /** Where `pid` has the socket, if it has. `seen` is told of each socket on the way. */
  async holding(pid: number, inode: number, seen: (socket: number, at: Holding) => void): Promise<Holding | undefined> {
    const { unseen, sockets } = this.#descriptorsOf(pid)
    for (;;) {
      const known = sockets.get(inode)
      if (known !== undefined) return known
      const fd = unseen.pop()
      if (fd === undefined) return undefined
      const socket = socketAt(`${this.#processes.root}/${pid}/fd/${fd}`)
      if (socket !== undefined) {
        const holding = { pid, fd }
        sockets.set(socket, holding)
        seen(socket, holding)
      }
      if (this.#now() < this.#sliceEnd) continue
      if (this.isOver) return sockets.get(inode)
      await nextTurn()
      this.#sliceEnd = this.#now() + sliceMs
    }
  }

  /** Was there nothing to be seen of a process whose sockets were looked for? */
  isGone(pid: number): boolean {
    return this.#descriptors.get(pid)?.isGone === true
  }

  /** The socket that a process has at its descriptor, told to `seen`: one read, where listing the descriptors takes dozens. */
  holdingAt(at: Holding, inode: number, seen: (socket: number, at: Holding) => void): Holding | undefined {
    const socket = socketAt(`${this.#processes.root}/${at.pid}/fd/${at.fd}`)
    if (socket !== undefined) seen(socket, at)
    return socket === inode ? at : undefined
  }

  /** The sockets of a process that have been seen; all of them once one was looked for in vain. */
  socketsOf(pid: number): readonly number[] {
    return [...this.#descriptorsOf(pid).sockets.keys()]
  }

  /** Does the process have the socket there now? Asked of the kernel each time. */
  isHeld({ pid, fd }: Holding, inode: number): boolean {
    return socketAt(`${this.#processes.root}/${pid}/fd/${fd}`) === inode
  }

  /** The parents of a process, nearest first. */
  parents(pid: number): readonly number[] {
    const known = this.#lines.get(pid)
    if (known !== undefined) return known
    const line = this.#processes.parents(pid)
    this.#lines.set(pid, line)
    return line
  }

  /** The process itself; undefined when it is gone. */
  process(pid: number): ProcessInfo | undefined {
    const known = this.#told.get(pid)
    if (known !== undefined || this.#told.has(pid)) return known
    const process = this.#processes.read(pid, this.parents(pid))
    this.#told.set(pid, process)
    return process
  }

  #descriptorsOf(pid: number): Descriptors {
    const known = this.#descriptors.get(pid)
    if (known !== undefined) return known
    const listed = listDirectory(`${this.#processes.root}/${pid}/fd`)
    const made = { unseen: [...(listed ?? [])], isGone: listed === undefined, sockets: new Map() }
    this.#descriptors.set(pid, made)
    return made
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

function listDirectory(path: string): readonly string[] | undefined {
  try {
    return readdirSync(path)
  } catch {
    return undefined
  }
}
