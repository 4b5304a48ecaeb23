import type { Rig } from '../rig/rig.ts'
import type { Shell } from '../rig/shell.ts'

/** A gateway that is running, with a shell from which the load reaches the origin through it, and only so. */
export interface Running extends AsyncDisposable {
  readonly name: string
  /** The top of the gateway's processes; undefined when there is no gateway. */
  readonly pid: number | undefined
  readonly shell: Shell
  /** Makes the load's traffic go this way: peers share one wire. */
  takeTurn(): Promise<void>
}

/** One of those that are compared. */
export interface Contender {
  readonly name: string
  /** Protocols it speaks with clients; nothing is asked of it that it does not. */
  readonly protocols: readonly ('h1' | 'h2' | 'dns')[]
  /** The program and its version. */
  version(): Promise<string>
  /** Starts it, ready to serve. The caller owns it. @throws Error with what it said when it does not start */
  open(rig: Rig): Promise<Running>
}
