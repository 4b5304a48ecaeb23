import type { ReadProcess } from '../../../gateway/packages/install-script.ts'
import type { ProcessReader } from '../../../gateway/packages/lineage.ts'
import type { ProcessEvent } from '../../../gateway/packet/process-events.ts'

export const root = 1_000
export const script: ReadProcess = { script: { ecosystem: 'npm', of: 'evil@1.0.0' }, installs: undefined }
export const installer: ReadProcess = { script: undefined, installs: 'npm' }
export const plain: ReadProcess = { script: undefined, installs: undefined }

/** Processes of a job, whose numbers are those of the machine less the root's; what is not there is gone. */
export class Machine implements ProcessReader {
  readonly processes = new Map<number, ReadProcess>()
  below_: readonly { readonly pid: number; readonly parent: number }[] = []
  reads = 0
  scans = 0
  asked = 0
  readonly left = new Set<number>()

  read(pid: number): ReadProcess | undefined {
    this.reads += 1
    return this.processes.get(pid)
  }

  innerPid(pid: number): number | undefined {
    this.asked += 1
    return this.left.has(pid) ? undefined : pid - root
  }

  exists(pid: number): boolean {
    return this.processes.has(pid)
  }

  below(): readonly { readonly pid: number; readonly parent: number }[] {
    this.scans += 1
    return this.below_
  }
}

export const born = (pid: number, parent: number): ProcessEvent => ({ kind: 'born', pid, parent })
export const executed = (pid: number): ProcessEvent => ({ kind: 'executed', pid })
export const ended = (pid: number): ProcessEvent => ({ kind: 'ended', pid })
