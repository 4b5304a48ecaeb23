import { findInProcNet } from '../packet/proc-net.ts'
import type { SocketTable } from '../packet/sock-diag.ts'
import { openAttribution, type Attribute } from './attribution.ts'
import { NamespaceProcesses } from './namespace-processes.ts'

/** What attribution by /proc alone needs. */
export interface ProcAttributionSource {
  /** The gateway's own procfs; default /proc. */
  readonly root?: string
  /** The job's network namespace, as its init told at `attach`: `net:[INODE]`. */
  readonly netns: string
  /** Milliseconds of a monotonic clock; default `performance.now`. */
  readonly now?: () => number
}

/** Reading tables may take this share of the time, and so many milliseconds at once. */
const share = { perMs: 0.1, atMostMs: 100 } as const

/**
 * Opens attribution for a job in a container, where the gateway may not enter the job's network namespace but may see its
 * processes. Exact or undefined, as `openAttribution()`: the kernel's own table of that namespace names the socket, and the
 * process holds it and is in that namespace when all else has been read. Where nobody can be seen, it costs one look a second.
 */
export function openProcAttribution(source: ProcAttributionSource): Attribute {
  const { root = '/proc', netns, now = () => performance.now() } = source
  const processes = new NamespaceProcesses(root, netns, now)
  const credit = new Credit(now)
  const sockets: Pick<SocketTable, 'find'> = {
    find(transport, local, remote) {
      const pid = processes.some()
      if (pid === undefined || !credit.isLeft) return undefined
      const owner = credit.spend(() => findInProcNet(`${root}/${pid}/net`, transport, local, remote))
      // The tables were those of this namespace if the process is in it, before and after.
      return processes.isInside(pid) ? owner : undefined
    },
  }
  return openAttribution({ sockets, processes, now, failed: () => undefined })
}

/** Time that may be spent: it comes back at a share of the time that passes. A long table must not slow the gateway down. */
class Credit {
  readonly #now: () => number
  #left: number = share.atMostMs
  #countedAt: number

  constructor(now: () => number) {
    this.#now = now
    this.#countedAt = now()
  }

  get isLeft(): boolean {
    const now = this.#now()
    this.#left = Math.min(share.atMostMs, this.#left + (now - this.#countedAt) * share.perMs)
    this.#countedAt = now
    return this.#left > 0
  }

  spend<Result>(action: () => Result): Result {
    const startedAt = this.#now()
    try {
      return action()
    } finally {
      this.#left -= this.#now() - startedAt
    }
  }
}
