import type { Cidr } from '../net/cidr.ts'
import type { Finding, Position } from './finding.ts'
import type { InsightSettings } from './insight.ts'
import type { Inspect, Mode, Unsaid } from './policy.ts'
import type { Rule } from './rule.ts'

/** A policy file as written, after everything it uses was read. Whole only when `findings` holds no error. */
export interface PolicyDocument {
  readonly file: string
  readonly mode: Mode
  /** Of the file first, then of what it uses, in order. */
  readonly rules: readonly Rule[]
  /** Absent: no private address is opened, and a job's policy leaves the platform's ranges as they are. */
  readonly private?: readonly Cidr[]
  readonly tls: { readonly inspect: Inspect; readonly extraCa: readonly string[] }
  readonly onLogFailure: 'deny' | 'allow'
  readonly insight: InsightSettings
  /** What was left to its default: in a job's policy it leaves the platform's as it is. */
  readonly unsaid: readonly Unsaid[]
  /** What `use` names, with its place. */
  readonly uses: readonly { readonly name: string; readonly position: Position }[]
  readonly allowPosition: Position | undefined
  readonly findings: readonly Finding[]
}

/** A preset or file that `use` names. */
export interface UsedFile {
  readonly file: string
  readonly text: string
  readonly isPreset: boolean
}

/** Finds what `use` names, as seen from the file that names it; undefined when there is none. */
export type ReadUse = (name: string, from: string) => UsedFile | undefined
