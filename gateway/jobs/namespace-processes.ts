import { readFileSync, readlinkSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'
import { type JobProcesses, pidsOf } from './job-processes.ts'
import { ancestors, readProcess } from './process.ts'

/** A process that was seen outside is taken to be outside for so long, in milliseconds. */
const outsideMs = 100
/** How long nobody is looked for when nobody of the job could be seen, in milliseconds. */
const blindMs = 1_000
const mostOutside = 16_384

/**
 * The processes of one network namespace, out of a procfs that shows others too: the gateway's own, where its pid namespace
 * holds the containers (`pid: host`) and it may look at them (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH). Without that, nobody is seen.
 */
export class NamespaceProcesses implements JobProcesses {
  readonly root: string
  readonly #netns: string
  readonly #now: () => number
  /** Pids outside, and until when that is believed. */
  readonly #outside = new Map<number, number>()
  #last: number | undefined
  #blindUntil = -Infinity

  /** `netns`: as `/proc/PID/ns/net` names it, `net:[4026531840]`. `now`: milliseconds of a monotonic clock. */
  constructor(root: string, netns: string, now: () => number) {
    this.root = root
    this.#netns = netns
    this.#now = now
  }

  pids(): readonly number[] {
    const now = this.#now()
    if (this.#outside.size > mostOutside) this.#outside.clear()
    return pidsOf(this.root).filter(pid => {
      if ((this.#outside.get(pid) ?? -Infinity) > now) return false
      if (this.isInside(pid)) return true
      this.#outside.set(pid, now + outsideMs)
      return false
    })
  }

  /** Line of parents up to the first that is not the job's: whatever started the container. */
  parents(pid: number): readonly number[] {
    const line = ancestors(this.root, pid)
    const end = line.findIndex(parent => !this.isInside(parent))
    return end < 0 ? line : line.slice(0, end)
  }

  /** With the pid that the job itself sees, and the container, where its name is known. */
  read(pid: number, parents: readonly number[]): ProcessInfo | undefined {
    const process = readProcess(this.root, pid, parents)
    const inner = this.#innerPid(pid)
    if (process === undefined || inner === undefined || !this.isInside(pid)) return undefined
    const container = containerOf(this.#text(`${pid}/cgroup`) ?? '')
    return { ...process, pid: inner, ...(container === undefined ? {} : { container }) }
  }

  /** Is the process in the job's network namespace now? False as well when that cannot be seen. */
  isInside(pid: number): boolean {
    try {
      return readlinkSync(`${this.root}/${pid}/ns/net`) === this.#netns
    } catch {
      // It is gone, or not ours to look at.
      return false
    }
  }

  /** Some process of the job; undefined when none can be seen. */
  some(): number | undefined {
    if (this.#last !== undefined && this.isInside(this.#last)) return this.#last
    const now = this.#now()
    if (now < this.#blindUntil) return undefined
    this.#last = this.pids()[0]
    if (this.#last === undefined) this.#blindUntil = now + blindMs
    return this.#last
  }

  /** The last of NSpid is its pid in the namespace that it lives in (proc(5)). */
  #innerPid(pid: number): number | undefined {
    const inner = Number(/^NSpid:(?:\s+\d+)*\s+(\d+)$/m.exec(this.#text(`${pid}/status`) ?? '')?.[1])
    return Number.isInteger(inner) ? inner : undefined
  }

  #text(file: string): string | undefined {
    try {
      return readFileSync(`${this.root}/${file}`, 'latin1')
    } catch {
      return undefined
    }
  }
}

/**
 * The id of the container that a process is in, by its control groups: engines name them after it (`/docker/ID`,
 * `docker-ID.scope`, `cri-containerd-ID.scope`). Of containers in containers it is the innermost. Undefined when no group
 * is named so, or two disagree.
 */
export function containerOf(cgroup: string): string | undefined {
  const found = new Set<string>()
  for (const line of cgroup.split('\n')) {
    const id = [...line.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g)].at(-1)?.[0]
    if (id !== undefined) found.add(id)
  }
  const [only, another] = found
  return another === undefined ? only : undefined
}
