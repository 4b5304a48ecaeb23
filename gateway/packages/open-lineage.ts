import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { openProcessEvents } from '../packet/process-events.ts'
import { type InstallScript, readProcessAt } from './install-script.ts'
import { Lineage, type ProcessReader } from './lineage.ts'

/** Who was made by an install script, as far as the kernel tells of births. */
export interface OpenLineage extends Disposable {
  /** By the number that the job sees. */
  scriptOf(pid: number): InstallScript | undefined
}

/** Milliseconds between looks: soon again while processes start, and seldom at rest. */
const pause = { shortest: 2, longest: 20 } as const

/**
 * Follows what this process starts, and all that is started by it. Undefined where the kernel does not tell: in a container,
 * or without CAP_NET_ADMIN of the machine. `onLost` is told the first time that it has told too much at once.
 */
export function openLineage(onLost: () => void): OpenLineage | undefined {
  const lineage = new Lineage(process.pid, reader, onLost)
  const events = openProcessEvents(told => lineage.take(told))
  if ('errno' in events) return undefined
  let waitMs: number = pause.longest
  let timer: NodeJS.Timeout
  // Files of /proc cannot always be opened. What was not looked at then is as good as lost, and nothing to end the gateway for.
  const drain = (): boolean => {
    try {
      const isMore = events.drain()
      lineage.catchUp()
      return isMore
    } catch {
      lineage.lose()
      return false
    }
  }
  const look = (): void => {
    waitMs = drain() ? pause.shortest : Math.min(waitMs * 2, pause.longest)
    timer = setTimeout(look, waitMs).unref()
  }
  timer = setTimeout(look, waitMs).unref()
  return {
    scriptOf(pid) {
      drain()
      return lineage.scriptOf(pid)
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      events[Symbol.dispose]()
    },
  }
}

const reader: ProcessReader = {
  read: pid => readProcessAt(`/proc/${pid}`),
  innerPid,
  exists: pid => existsSync(`/proc/${pid}`),
  below(root) {
    const pids = readdirSync('/proc')
      .map(Number)
      .filter(pid => pid > 0)
    return descendants(
      root,
      pids.map(pid => ({ pid, parent: parentOf(pid) })),
    )
  },
}

interface Child {
  readonly pid: number
  readonly parent: number
}

/** Pure. All that live below a process, parents before their children. */
export function descendants(root: number, all: readonly Child[]): readonly Child[] {
  const byParent = Map.groupBy(all, ({ parent }) => parent)
  const found = [...(byParent.get(root) ?? [])]
  // It grows while it is gone through. Each is found once, whatever numbers were given again while they were read.
  byParent.delete(root)
  for (const { pid } of found) {
    for (const child of byParent.get(pid) ?? []) found.push(child)
    byParent.delete(pid)
  }
  return found
}

/** NSpid of proc(5): our number of it, then the job's, whose pid namespace is the next one inwards. */
function innerPid(pid: number): number | undefined {
  const [, numbers = ''] = /^NSpid:\s+([\d\s]+)$/m.exec(textOf(pid, 'status')) ?? []
  const inner = numbers.split(/\s+/).filter(Boolean)[1]
  return inner === undefined ? undefined : Number(inner)
}

function parentOf(pid: number): number {
  const stat = textOf(pid, 'stat')
  // The second field is a name in parentheses, which may hold anything.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** Empty for a process that has ended. */
function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
