import type { ErrorCode } from '../errors.ts'
import type { DenyReason } from '../policy/decision.ts'
import type { Mode } from '../policy/policy.ts'
import type { AlarmKind, FileEvent, Finding, Verdict } from './event.ts'
import type { Degradation } from './vocabulary.ts'

/** `summary.json`: docs/report.md says what each part means. Every list is bounded; `omitted` counts what did not fit. */
export interface Summary {
  readonly version: 1
  readonly job: string
  /** Absent when the log does not begin with the gateway's own line. */
  readonly mode?: Mode
  readonly policy?: string
  /** Of tidegate. */
  readonly gateway?: string
  /** RFC 3339; absent for an empty log. */
  readonly startedAt?: string
  readonly endedAt?: string
  readonly durationMs: number
  /** Why the policy fails the job (docs/integrity.md); absent when it does not. */
  readonly failed?: readonly string[]
  readonly totals: Totals
  readonly reached: readonly ReachedRow[]
  readonly refused: readonly RefusedRow[]
  /** What passed without the gateway seeing inside. */
  readonly unseen: readonly UnseenRow[]
  readonly findings: readonly FindingRow[]
  readonly failures: readonly FailureRow[]
  readonly processes: readonly ProcessRow[]
  readonly degraded: readonly DegradedRow[]
  /** Files of packages that came in or were refused (docs/packages.md). */
  readonly packages: readonly PackageRow[]
  /** Files of the workspace that were changed (docs/integrity.md). */
  readonly sources: readonly SourceRow[]
  /** Policy lines that would allow what was refused or carry what cannot be inspected. Read each before taking it. */
  readonly suggestions: readonly string[]
  readonly omitted: Omitted
  readonly log: LogState
}

export interface Totals {
  readonly flows: Readonly<Record<Verdict, number>>
  readonly requests: number
  readonly connections: number
  readonly lookups: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly packetsDropped: number
}

export interface ReachedRow {
  readonly host: string
  readonly ports: readonly number[]
  readonly requests: number
  readonly connections: number
  readonly lookups: number
  readonly methods: Readonly<Record<string, number>>
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly processes: readonly string[]
}

export interface RefusedRow {
  /** `**.example.com` when many names under one domain were refused. */
  readonly host: string
  /** How many different names the row stands for. */
  readonly names: number
  readonly verdict: 'deny' | 'observe'
  readonly reason: DenyReason
  readonly rule?: string
  readonly ports: readonly number[]
  readonly protocols: readonly string[]
  readonly lookups: number
  /** Connections, requests and dropped packets together. */
  readonly attempts: number
  /** What was carried all the same, in audit mode. */
  readonly bytesSent: number
  readonly methods: Readonly<Record<string, number>>
  /** A request of the row, without query. */
  readonly example?: string
  readonly processes: readonly string[]
  /** Policy lines that would allow it. */
  readonly allow: readonly string[]
}

export interface UnseenRow {
  readonly host: string
  readonly port?: number
  readonly protocol: string
  readonly connections: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface FindingRow {
  readonly kind: Finding | AlarmKind | 'client-refused-ca' | 'metadata-access'
  /** An alarm's own sentence, and what it is about. */
  readonly note?: string
  readonly subject?: string
  readonly host?: string
  readonly count: number
  readonly firstAt: string
  readonly process?: string
  /** A policy line that would help. */
  readonly allow?: string
}

export interface FailureRow {
  readonly error: ErrorCode
  readonly host?: string
  readonly count: number
}

export interface ProcessRow {
  readonly process: string
  readonly exe: string
  readonly allow: number
  readonly observe: number
  readonly deny: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly hosts: readonly string[]
}

export interface DegradedRow {
  readonly kind: Degradation
  readonly count: number
  readonly note?: string
}

/** One file of a package, from one registry. */
export interface PackageRow {
  readonly purl: string
  readonly registry: string
  readonly verdict: Verdict
  /** Where it was not simply allowed. */
  readonly rule?: string
  /** Of what came in; absent when nothing did. */
  readonly sha256?: string
  readonly sha512?: string
  readonly sha1?: string
  /** Is it what the registry's metadata says? */
  readonly promise?: 'kept' | 'broken' | 'none'
  /** The time of its version, RFC 3339. */
  readonly published?: string
  /** It was there by then. */
  readonly publishedBefore?: string
  /** Who says so. */
  readonly ageFrom?: string
  /** The policy asks for an age, and it was not seen. */
  readonly age?: 'unknown'
  readonly count: number
  readonly firstAt: string
  readonly process?: string
}

/** A file of the workspace, and one thing that happened to it. */
export interface SourceRow {
  /** Relative to the workspace; absolute for a tool. */
  readonly path: string
  readonly event: FileEvent
  readonly count: number
  /** Git blob ids: before the first time, after the last. */
  readonly before?: string
  readonly after?: string
  readonly firstAt: string
  /** Of the first time. */
  readonly process?: string
}

/** Flows whose row did not fit into the list of that name. */
interface Omitted {
  readonly reached: number
  readonly refused: number
  readonly unseen: number
  readonly findings: number
  readonly failures: number
  readonly processes: number
  readonly packages: number
  readonly sources: number
}

/** What the log says of itself. */
export interface LogState {
  readonly state: 'sealed' | 'unsealed' | 'broken' | 'open'
  readonly lines: number
  readonly lost: number
  readonly head?: string
  /** The first bad line, 1, 2, 3 …, and what is wrong with it. */
  readonly line?: number
  readonly message?: string
}
