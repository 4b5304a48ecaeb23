import type { Contender, Running } from '../contenders/contender.ts'
import type { Samples } from '../report/samples.ts'
import type { Rig } from '../rig/rig.ts'

/** What a case works with. */
export interface Bench {
  readonly rig: Rig
  readonly samples: Samples
  /** Rounds; in each, every contender has its turn. */
  readonly rounds: number
  /** Those that carry traffic, started once and kept for the whole run, so that they are measured warm and side by side. */
  running(): Promise<readonly (readonly [Contender, Running])[]>
  /** The same, not started: for cases that need them cold. */
  readonly contenders: readonly Contender[]
  say(text: string): void
  /**
   * One turn of one contender. When it throws, that is said, each of `metrics` that got no figure gets its reason in its
   * place, and the run goes on: the tables show a dash with a footnote.
   */
  attempt(contender: string, metrics: readonly string[], turn: () => Promise<void>): Promise<void>
}

/** One thing that is measured. */
export interface Case {
  readonly name: string
  /** Starts its contenders itself, so those that are kept are ended before it: they would hold the ports. */
  readonly isCold?: true
  run(bench: Bench): Promise<void>
}
