import type { Mode } from '../policy/policy.ts'
import { FindingsTable, ProcessTable } from './findings-table.ts'
import { PackageTable } from './package-table.ts'
import { ReachedTable } from './reached-table.ts'
import { RefusedTable } from './refused-table.ts'
import { SourceTable } from './source-table.ts'
import { hostOf, type FlowEvent, type Sink, type Verdict } from './event.ts'
import type { LogState, Summary, Totals } from './summary-shape.ts'
import type { Degradation } from './vocabulary.ts'

/** Reasons for which the policy fails a job: a part has few. */
const mostFailed = 16

/** The counts a live line shows. */
export interface LiveCounts {
  readonly flows: Readonly<Record<Verdict, number>>
  /** The host that was refused, or would have been, last. */
  readonly lastRefused: string | undefined
}

/**
 * Adds up a job's events as they come, in bounded memory: the same code for the running job and for a log that is read
 * back, so that the two reports cannot disagree. Events must be redacted already.
 */
export class JobSummary implements Sink, LiveCounts {
  readonly #job: string
  readonly #reached = new ReachedTable()
  readonly #refused = new RefusedTable()
  readonly #found = new FindingsTable()
  readonly #processes = new ProcessTable()
  readonly #packages = new PackageTable()
  readonly #sources = new SourceTable()
  readonly #flows: Record<Verdict, number> = { allow: 0, observe: 0, deny: 0 }
  #requests = 0
  #connections = 0
  #lookups = 0
  #bytesSent = 0
  #bytesReceived = 0
  #packetsDropped = 0
  #startedAt = Number.POSITIVE_INFINITY
  #endedAt = Number.NEGATIVE_INFINITY
  #lastRefused: string | undefined
  readonly #failed = new Set<string>()
  #start: { readonly mode?: Mode; readonly policy?: string; readonly gateway?: string } = {}

  constructor(job: string) {
    this.#job = job
  }

  get flows(): Readonly<Record<Verdict, number>> {
    return this.#flows
  }

  get lastRefused(): string | undefined {
    return this.#lastRefused
  }

  write(event: FlowEvent): void {
    // It is not there yet when a running job's summary is made, which must not differ from the finished log's.
    if (event.event === 'sealed') return
    // To the digits that the log has: what is read back from it adds up to the same.
    const startedAt = Math.floor(event.startedAt)
    this.#startedAt = Math.min(this.#startedAt, startedAt)
    this.#endedAt = Math.max(this.#endedAt, startedAt + Math.round((event.durationMs ?? 0) * 1_000) / 1_000)
    this.#found.add(event)
    this.#sources.add(event)
    if (event.event === 'failed' && this.#failed.size < mostFailed) this.#failed.add(String(event.details?.['note']))
    if (event.event === 'started') this.#start = startFacts(event.details ?? {})
    if (event.verdict === undefined) return
    this.#flows[event.verdict] += 1
    this.#count(event)
    // What was cut when the policy changed had been carried until then.
    if (event.verdict !== 'deny' || (event.error === 'POLICY_CHANGED' && (event.bytesSent ?? 0) > 0))
      this.#reached.add(event)
    if (event.verdict !== 'allow') {
      this.#lastRefused = hostOf(event) ?? this.#lastRefused
      const { reason = 'no-rule' } = event
      this.#refused.add(event, event.verdict, reason === 'rule' ? 'no-rule' : reason)
    }
    this.#processes.add(event)
    this.#packages.add(event)
  }

  /** Notes a degraded state that no event tells of. */
  degrade(kind: Degradation, note?: string): void {
    this.#found.degrade(kind, note)
  }

  /** What the last line of the log carries. */
  sealTotals(): Readonly<Record<string, number>> {
    return { ...this.#flows, bytesSent: this.#bytesSent, bytesReceived: this.#bytesReceived }
  }

  /** The summary so far; `log` is what is known of the log. */
  summary(log: LogState): Summary {
    const refused = this.#refused.list()
    const findings = this.#found.findings()
    const any = Number.isFinite(this.#startedAt)
    return {
      version: 1,
      job: this.#job,
      ...this.#start,
      ...(any ? { startedAt: iso(this.#startedAt), endedAt: iso(this.#endedAt) } : {}),
      ...(this.#failed.size === 0 ? {} : { failed: [...this.#failed] }),
      durationMs: any ? Math.round(this.#endedAt - this.#startedAt) : 0,
      totals: this.#totals(),
      reached: this.#reached.hosts(),
      refused,
      unseen: this.#reached.unseen(),
      findings,
      failures: this.#found.failures(),
      processes: this.#processes.list(),
      degraded: this.#found.degraded(),
      packages: this.#packages.list(),
      sources: this.#sources.list(),
      suggestions: [...new Set([...refused.flatMap(row => row.allow), ...findings.flatMap(row => row.allow ?? [])])],
      omitted: {
        ...this.#reached.omitted,
        ...this.#found.omitted,
        refused: this.#refused.omitted,
        processes: this.#processes.omitted,
        packages: this.#packages.omitted,
        sources: this.#sources.omitted,
      },
      log,
    }
  }

  #count(event: FlowEvent): void {
    if (event.layer === 'dns') this.#lookups += event.packets ?? 1
    else if (event.layer === 'http') this.#requests += 1
    else if (event.layer === 'packet') this.#packetsDropped += event.packets ?? 0
    else this.#connections += 1
    this.#bytesSent += event.bytesSent ?? 0
    this.#bytesReceived += event.bytesReceived ?? 0
  }

  #totals(): Totals {
    return {
      flows: { ...this.#flows },
      requests: this.#requests,
      connections: this.#connections,
      lookups: this.#lookups,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsDropped: this.#packetsDropped,
    }
  }
}

function iso(unixMs: number): string {
  return new Date(unixMs).toISOString()
}

function startFacts(details: Readonly<Record<string, unknown>>): {
  readonly mode?: Mode
  readonly policy?: string
  readonly gateway?: string
} {
  const { mode, policy, version } = details
  return {
    ...(mode === 'audit' || mode === 'block' ? { mode } : {}),
    ...(typeof policy === 'string' ? { policy } : {}),
    ...(typeof version === 'string' ? { gateway: version } : {}),
  }
}
