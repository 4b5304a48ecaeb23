import type { ErrorCode } from '../errors.ts'
import type { Reason } from '../policy/decision.ts'

/** Which layer saw the flow (contracts.md §3). */
export type Layer = 'dns' | 'tcp' | 'tls' | 'http' | 'udp' | 'packet' | 'job' | 'file'

export type Verdict = 'allow' | 'observe' | 'deny'

/** What a `job` line reports (contracts.md §3). */
export type JobEvent =
  'started' | 'proved' | 'policy-changed' | 'checkpoint' | 'selftest' | 'anomaly' | 'canary' | 'failed' | 'sealed'

/** What a `file` line reports. */
export type FileEvent = 'overwritten' | 'restored' | 'deleted' | 'added-in-source' | 'hook-changed' | 'tool-changed'

/**
 * A finding on a flow of any other layer, beside its verdict: the DNS budget's alert, a refused name that looks like
 * data being carried out, a host that is passed unopened (audit) since its client refused our certificate.
 */
export type Finding = 'dns-budget' | 'exfiltration-attempt' | 'inspection-bypassed'

/**
 * What those who look at the job find (docs/insight.md), told by a `job` line of its own: `anomaly`, or `canary` for that
 * one, with the kind and a sentence in its details.
 */
export type AlarmKind =
  | 'new-host'
  | 'new-process'
  | 'new-method'
  | 'new-upload'
  | 'near-host'
  | 'dependency-confusion'
  | 'denied-package'
  | 'package-too-young'
  | 'package-age-unknown'
  | 'digest-mismatch'
  | 'package-unread'
  | 'install-script'
  | 'token-abroad'
  | 'token-unpinned'
  | 'source-changed'
  | 'not-in-source'
  | 'unwatched'
  | 'canary'

/** One such finding. */
export interface Alarm {
  readonly kind: AlarmKind
  /** One sentence that says what happened and, where there is something to do, what; never a secret. Cut after 512 characters. */
  readonly note: string
  /** What it is about: a host, a package (purl), a file. Reports tell the same about the same once, and count it. */
  readonly subject?: string
  readonly host?: string
  readonly port?: number
  readonly flow?: string
  readonly process?: ProcessInfo | undefined
}

/** The process behind a flow, where it can be known; never guessed. */
export interface ProcessInfo {
  readonly pid: number
  readonly exe: string
  readonly command: string
  readonly uid: number
  /** Executables of the parents, nearest first, ending below the job's init. */
  readonly parents: readonly string[]
  /** Id of the container it is in (64 hex digits), where an engine names its control group so. */
  readonly container?: string
}

/** One line of the record before it has a sequence number and a chain hash. Field names and meaning: docs/log.md. */
export interface FlowEvent {
  readonly layer: Layer
  /** Start of the flow, Unix milliseconds. */
  readonly startedAt: number
  /** Shared by the DNS answer, the connection and the requests that belong together. */
  readonly flow?: string
  readonly host?: string
  /** The host that a request or a TLS hello named instead of `host`: another place than the connection leads to. */
  readonly asked?: string
  readonly address?: string
  readonly port?: number
  readonly protocol?: string
  readonly method?: string
  /** HTTP: without query. */
  readonly path?: string
  readonly status?: number
  readonly qtype?: string
  readonly rcode?: string
  readonly verdict?: Verdict
  readonly reason?: Reason
  readonly rule?: string
  readonly inspected?: boolean
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly durationMs?: number
  readonly packets?: number
  readonly process?: ProcessInfo
  readonly event?: JobEvent | FileEvent | Finding
  /** Git blob ids (hex) of a `file` line. */
  readonly before?: string
  readonly after?: string
  /** Salted hash that tells the credentials of one job apart, where one was sent; never the credential. */
  readonly token?: string
  readonly error?: ErrorCode
  /** Facts of `job` lines (mode, policy hash, totals): closed per event, see docs/log.schema.json. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where finished events go: the job's log, the metrics, the running report. Never throws. */
export interface Sink {
  write(event: FlowEvent): void
}

/**
 * A flow that is being carried. Fields are filled in as they become known; disposing writes it,
 * once, however the flow ends. Bytes are job → outside (`sent`) and outside → job (`received`).
 */
export interface OpenFlow extends Disposable {
  sent: number
  received: number
  /** What the client is told; once more, what it was told after all. For `note`, which costs more, as each request has one. */
  set status(status: number)
  /** Adds or replaces facts. */
  note(facts: Partial<FlowEvent>): void
}

/** The host as a report names it: the name meant, or the literal; undefined when the event has neither. */
export function hostOf(event: FlowEvent): string | undefined {
  return event.host ?? event.address
}
