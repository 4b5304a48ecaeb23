import { setTimeout as delay } from 'node:timers/promises'
import type { SocketOwner, SocketTable } from '../packet/sock-diag.ts'
import type { ProcessInfo } from '../record/event.ts'
import type { JobSocket } from './job.ts'
import type { JobProcesses } from './job-processes.ts'
import { KnownProcesses } from './known-processes.ts'
import { type Holding, ProcView } from './proc-view.ts'

/** What attribution needs of the job. */
export interface AttributionSource {
  readonly sockets: Pick<SocketTable, 'find'>
  readonly processes: JobProcesses
  /** Told when the kernel cannot be asked; the flow goes on without a process. */
  readonly failed: (cause: unknown) => void
  /** Milliseconds; default `performance.now`. */
  readonly now?: () => number
}

/** Bound of one search, in milliseconds. */
const searchMs = 100
/** A holder that moves its socket meanwhile (bash does, after each connect) is missed by one look, hardly by two more. */
const mostLooks = 3
/**
 * Milliseconds until whoever was not found is searched for once more, if the client still waits. On a machine whose cores are all at work one
 * question of some 100,000 found nobody within its first two milliseconds.
 */
const againMs = 10
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
  const search = new Search(source.processes, source.now ?? (() => performance.now()))
  const ownerOf = ({ transport, source: local, destination }: JobSocket): SocketOwner | undefined => {
    try {
      return source.sockets.find(transport, local, destination)
    } catch (cause) {
      source.failed(cause)
      return undefined
    }
  }
  const attribute: Attribute = async socket => {
    const owner = ownerOf(socket)
    return owner === undefined ? undefined : search.processOf(owner)
  }
  return async socket => {
    const found = await attribute(socket)
    if (found !== undefined) return found
    await delay(againMs)
    return attribute(socket)
  }
}

/** What is found in one turn of the event loop, for all sockets that were there before it. */
interface Look {
  readonly view: ProcView
  /** Known processes that are still what they were. */
  readonly confirmed: Set<number>
}

/** What holds a socket, and of a family that shares it the eldest. */
class Search {
  readonly #processes: JobProcesses
  readonly #now: () => number
  /** By inode: where searches have seen sockets. Only a hint, checked before it is believed. */
  readonly #seen = new Map<number, Holding>()
  /** Processes that were found, the last one last: they are asked first. */
  readonly #recent = new Set<number>()
  readonly #known: KnownProcesses
  /** Where the last one was found. */
  #last: Holding | undefined
  #asked: ((look: Look) => void)[] = []

  constructor(processes: JobProcesses, now: () => number) {
    this.#processes = processes
    this.#now = now
    this.#known = new KnownProcesses(processes.root)
  }

  async processOf(owner: SocketOwner): Promise<ProcessInfo | undefined> {
    for (let look = 1; look <= mostLooks; look += 1) {
      const { process, isOver } = await this.#inNextLook(owner)
      if (process !== undefined || isOver) return process
    }
    return undefined
  }

  /** What is asked in one turn of the event loop is found in one look: a client opens many connections at once. */
  #inNextLook(owner: SocketOwner): Promise<{ process: ProcessInfo | undefined; isOver: boolean }> {
    return new Promise((resolve, reject) => {
      this.#asked.push(look => {
        this.#find(look, owner).then(process => resolve({ process, isOver: look.view.isOver }), reject)
      })
      if (this.#asked.length === 1) setImmediate(this.#look)
    })
  }

  readonly #look = (): void => {
    const asked = this.#asked
    this.#asked = []
    const view = new ProcView(this.#processes, this.#now, this.#now() + searchMs)
    const look = { view, confirmed: new Set<number>() }
    for (const ask of asked) ask(look)
  }

  async #find({ view, confirmed }: Look, { inode, uid }: SocketOwner): Promise<ProcessInfo | undefined> {
    const near = this.#seenAt(view, inode) ?? this.#nextTo(view, inode)
    const found = near ?? (await this.#holder(view, inode))
    if (found === undefined) return undefined
    this.#last = found
    const known = this.#known.recall(found.pid, inode, uid, confirmed)
    // Where it was expected it was read just now, and who is what it was before has been that all the while. What a search has
    // found may have been read earlier in this look: it must be held still.
    if (known !== undefined && (near !== undefined || view.isHeld(found, inode))) return known
    const before = this.#known.fingerprint(found.pid)
    const eldest = await this.#eldest(view, found, inode)
    // What took too long is not certain.
    if (view.isOver) return undefined
    this.#recent.delete(eldest.pid)
    this.#recent.add(eldest.pid)
    for (const pid of this.#recent) if (this.#recent.size > 16) this.#recent.delete(pid)
    const process = view.process(eldest.pid)
    // Between the two looks it may have closed the socket and become another program.
    if (process === undefined || !view.isHeld(eldest, inode)) return undefined
    if (eldest.pid === found.pid) {
      const parents = view.parents(found.pid)
      this.#known.learn(
        eldest.pid,
        process,
        parents,
        before,
        new Set(parents.flatMap(parent => view.socketsOf(parent))),
      )
    }
    return process
  }

  #seenAt(view: ProcView, inode: number): Holding | undefined {
    const holding = this.#seen.get(inode)
    if (holding === undefined || view.isHeld(holding, inode)) return holding
    this.#seen.delete(inode)
    return undefined
  }

  /** Who opens many connections has them at descriptors in a row. */
  #nextTo(view: ProcView, inode: number): Holding | undefined {
    if (this.#last === undefined) return undefined
    const { pid, fd } = this.#last
    return view.holdingAt({ pid, fd: String(Number(fd) + 1) }, inode, this.#remember)
  }

  async #holder(view: ProcView, inode: number): Promise<Holding | undefined> {
    const recent = [...this.#recent].toReversed()
    return (
      (await this.#holderAmong(view, inode, recent)) ??
      (await this.#holderAmong(view, inode, () => view.pids.filter(pid => !recent.includes(pid))))
    )
  }

  async #holderAmong(
    view: ProcView,
    inode: number,
    pids: readonly number[] | (() => readonly number[]),
  ): Promise<Holding | undefined> {
    if (view.isOver) return undefined
    for (const pid of typeof pids === 'function' ? pids() : pids) {
      const holding = await view.holding(pid, inode, this.#remember)
      if (holding !== undefined) return holding
      if (view.isGone(pid)) this.#recent.delete(pid)
      if (view.isOver) return undefined
    }
    return undefined
  }

  /** A child may hold what its parent opened; who opened it is the eldest of the line that holds it. */
  async #eldest(view: ProcView, found: Holding, inode: number): Promise<Holding> {
    let eldest = found
    for (const parent of view.parents(found.pid)) {
      eldest = (await view.holding(parent, inode, this.#remember)) ?? eldest
    }
    return eldest
  }

  readonly #remember = (socket: number, holding: Holding): void => {
    if (this.#seen.size >= remembered) this.#seen.clear()
    this.#seen.set(socket, holding)
  }
}
