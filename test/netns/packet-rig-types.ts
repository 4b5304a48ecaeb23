import { fileURLToPath } from 'node:url'
import type { FlowEvent, ProcessInfo } from '../../gateway/record/event.ts'
import type { Namespace } from '../lab/namespace.ts'

/** What the rig is to do. */
export interface RigOptions {
  readonly policy: string
  readonly command: readonly [string, ...(readonly string[])]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Names and their real addresses; the job finds the virtual address of `a.test` in `NAME_a_test`. */
  readonly names?: Readonly<Record<string, string>>
  readonly udp?: readonly { readonly to: string; readonly port: number }[]
  /** Shell commands of the host, after the proof and before the command; `${NAME}` as in the job's environment. */
  readonly asHost?: readonly string[]
  /** False when a test takes the table away. */
  readonly readLedger?: boolean
}

/** A connection or question that reached the gateway. */
export interface Arrival {
  readonly kind: 'door' | 'dns-tcp' | 'dns-udp'
  readonly to: string
  readonly from: string
  readonly process?: ProcessInfo
}

/** What the rig saw. */
export interface RigOutcome {
  readonly swept: readonly string[]
  readonly provedMs: number
  readonly checks: readonly string[]
  readonly stdout: string
  readonly stderr: string
  readonly exited: { readonly code: number; readonly signal: string | null }
  readonly arrivals: readonly Arrival[]
  readonly events: readonly FlowEvent[]
  readonly readings: number
  readonly intact: boolean
  readonly environment: Readonly<Record<string, string>>
  readonly failed?: {
    readonly code: string
    readonly message: string
    readonly details: Readonly<Record<string, unknown>>
  }
}

/** The rig and the attacks, as files. */
export const rigFile = fileURLToPath(new URL('packet-rig.ts', import.meta.url))
export const attackFile = fileURLToPath(new URL('packet-attacks.py', import.meta.url))

/** Runs the rig in a namespace that plays the machine. */
export async function runRig(host: Namespace, options: RigOptions): Promise<RigOutcome> {
  const { stdout, stderr, exitCode } = await host.exec(process.execPath, [rigFile, JSON.stringify(options)])
  if (exitCode !== 0) throw new Error(`the rig ended with ${exitCode}: ${stderr}${stdout}`)
  const outcome: RigOutcome = JSON.parse(stdout)
  return outcome
}

/** One attack after the other in the job; what each was told is a line of the outcome's `stdout`. */
export function attacks(...list: readonly string[]): readonly [string, ...string[]] {
  return ['python3', attackFile, ...list]
}
