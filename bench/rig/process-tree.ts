import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a set of processes uses. */
export interface Usage {
  /** Since their start, their ended children included. */
  readonly cpuSeconds: number
  /** Resident memory, MiB. */
  readonly rssMiB: number
}

/** Kernel ticks a second: `getconf CLK_TCK`, 100 on every Linux that Node runs on. */
export const ticksPerSecond = 100

/** A process and all below it, as far as they live. */
export function familyOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(child => familyOf(child))]
}

/**
 * The processes of a gateway: its family as far as it is in the gateway's own network namespace. What is in another one is
 * the job, whose load must not be counted as the gateway's.
 */
export function gatewayFamily(pid: number): readonly number[] {
  const own = networkOf(pid)
  return familyOf(pid).filter(member => networkOf(member) === own)
}

/** Sums up processes; those that are gone count nothing. A child's time moves to its parent when it has ended. */
export function usageOf(pids: readonly number[]): Usage {
  let ticks = 0
  let rssKiB = 0
  for (const pid of pids) {
    const stat = readProc(pid, 'stat')
    // After the name, which may hold anything: utime, stime, cutime, cstime are fields 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    for (const field of fields.slice(11, 15)) ticks += Number(field)
    rssKiB += Number(/^VmRSS:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1] ?? 0)
  }
  return { cpuSeconds: ticks / ticksPerSecond, rssMiB: rssKiB / 1_024 }
}

/** Seconds the machine worked since its start, on all cores; and how long the hypervisor kept it waiting. */
export function machineTime(): { readonly busySeconds: number; readonly stolenSeconds: number } {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number)
  return {
    busySeconds: (user + nice + system + irq + softirq) / ticksPerSecond,
    stolenSeconds: steal / ticksPerSecond,
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap(task =>
      readProc(pid, `task/${task}/children`).split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined
  }
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    // It has ended.
    return ''
  }
}
