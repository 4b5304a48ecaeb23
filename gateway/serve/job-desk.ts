import { mostSourceRequests, type SourceDesk } from '../control/source-requests.ts'
import { GatewayError, unreachable } from '../errors.ts'
import { TokenBucket } from '../jobs/token-bucket.ts'
import { parsePolicy } from '../policy/document-parse.ts'
import type { ReadUse } from '../policy/document.ts'
import { withoutEffect } from '../policy/narrow.ts'
import type { Policy } from '../policy/policy.ts'
import { readPreset } from '../policy/presets/preset.ts'
import type { Summary } from '../record/summary-shape.ts'
import type { JobRequest, SelfTest } from './job-requests.ts'

/** The job, as far as its own side may touch it. */
export interface DeskJob {
  readonly name: string
  /** The policy in force. */
  readonly policy: Policy
  /** From now on a flow passes only if this policy allows it as well. */
  narrow(policy: Policy): void
  summary(): Summary
  /** Writes into the record who claimed the job; `credentials` are the job's own, and are written nowhere. */
  claimed(by: string, credentials: Readonly<Record<string, string>>): void
  /** Writes into the record that the job tests itself. */
  tested(facts: SelfTest): void
  /** Who watches its sources; undefined when the policy does not ask for it. */
  readonly sources: SourceDesk | undefined
}

/** A reply, as the job gets it. */
export type DeskReply =
  | ({ readonly ok: true } & Readonly<Record<string, unknown>>)
  | { readonly ok: false; readonly code: string; readonly error: string; readonly faults?: readonly string[] }

/** A policy more costs every decision of the job. */
const mostNarrowings = 8
/** What reading a policy, or adding up a summary, may cost the other jobs of the gateway. */
const paces = {
  narrow: { perSecond: 0.2, burst: 4 },
  summary: { perSecond: 2, burst: 10 },
  /** Two lines of the record a test. */
  selftest: { perSecond: 0.1, burst: 10 },
} as const
/** Of the faults of a policy so many are told. */
const mostFaults = 200

/** Answers what a job asks about itself. Whoever is in the job may ask, so all of it is bounded and can only narrow (P3). */
export class JobDesk {
  readonly #job: DeskJob
  readonly #now: () => Date
  readonly #paces: Readonly<Record<keyof typeof paces, TokenBucket>>
  #claim: { readonly by: string; readonly at: string } | undefined
  #narrowings = 0
  #sourceRequests = 0

  constructor(job: DeskJob, now: () => Date = () => new Date()) {
    this.#job = job
    this.#now = now
    const clock = (): number => now().getTime()
    this.#paces = {
      narrow: new TokenBucket(paces.narrow, clock),
      summary: new TokenBucket(paces.summary, clock),
      selftest: new TokenBucket(paces.selftest, clock),
    }
  }

  /** What it throws is not the job's fault. */
  answer(request: JobRequest): DeskReply | Promise<DeskReply> {
    switch (request.op) {
      case 'claim':
        return this.#claimFor(request.by, request.tokens)
      case 'narrow':
        return this.#paces.narrow.take() ? this.#narrow(request.policy) : tooOften()
      case 'summary':
        return this.#paces.summary.take() ? { ok: true, summary: this.#job.summary() } : tooOften()
      case 'selftest':
        return this.#paces.selftest.take() ? this.#tested(request) : tooOften()
      case 'checkpoint':
      case 'manifest':
        return this.#ofSources(request)
      default:
        return unreachable(request)
    }
  }

  #claimFor(by: string, tokens: Readonly<Record<string, string>> = {}): DeskReply {
    const before = this.#claim
    if (before !== undefined) {
      const error = `${this.#job.name} was claimed by ${before.by} at ${before.at}`
      return { ok: false, code: 'JOB_CLAIMED', error }
    }
    this.#claim = { by, at: this.#now().toISOString() }
    this.#job.claimed(by, tokens)
    return { ok: true, job: this.#job.name, claimed: this.#claim }
  }

  #tested({ op: _op, ...facts }: Extract<JobRequest, { op: 'selftest' }>): DeskReply {
    this.#job.tested(facts)
    return { ok: true, job: this.#job.name }
  }

  async #ofSources(request: Extract<JobRequest, { op: 'checkpoint' | 'manifest' }>): Promise<DeskReply> {
    const { sources } = this.#job
    if (sources === undefined)
      return unread("nobody watches the sources: the platform's policy has no integrity: for this job")
    this.#sourceRequests += 1
    if (this.#sourceRequests > mostSourceRequests)
      return { ok: false, code: 'JOB_LIMIT', error: `a job has ${mostSourceRequests} such requests` }
    if (request.op === 'manifest') {
      sources.manifest(request)
      return { ok: true }
    }
    const answer = await sources.checkpoint(request.folder)
    return answer.ok ? answer : unread(answer.error)
  }

  #narrow(text: string): DeskReply {
    if (this.#narrowings >= mostNarrowings)
      return { ok: false, code: 'JOB_LIMIT', error: `the job was narrowed ${mostNarrowings} times already` }
    let policy: Policy
    try {
      policy = parsePolicy(text, 'policy', presetsOnly)
    } catch (cause) {
      if (cause instanceof GatewayError) return refusalOf(cause)
      throw cause
    }
    const notes = withoutEffect(this.#job.policy, policy)
    this.#narrowings += 1
    this.#job.narrow(policy)
    const { mode, digest } = this.#job.policy
    return { ok: true, job: this.#job.name, mode, digest, notes }
  }
}

/** A job's policy is text and nothing beside it: no file of the gateway's is read for a job. */
const presetsOnly: ReadUse = name => {
  const preset = readPreset(name)
  return preset === undefined ? undefined : { ...preset, isPreset: true }
}

function unread(error: string): DeskReply {
  return { ok: false, code: 'SOURCE_UNREADABLE', error }
}

function tooOften(): DeskReply {
  return { ok: false, code: 'JOB_LIMIT', error: 'asked too often; try again in some seconds' }
}

function refusalOf({ code, message, details }: GatewayError): DeskReply {
  const all: unknown = details['faults']
  const faults = Array.isArray(all) ? all.filter(fault => typeof fault === 'string') : []
  const more = faults.length - mostFaults
  const told = more > 0 ? [...faults.slice(0, mostFaults), `and ${more} more`] : faults
  return { ok: false, code, error: message, faults: told }
}
