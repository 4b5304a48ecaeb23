import type { ErrorCode } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import type { Hostname } from '../net/hostname.ts'
import { infoCode, type ExtendedError } from './extended-error.ts'
import { rcode } from './rcode.ts'
import type { Answer } from './reply.ts'
import type { Action } from './step.ts'
import type { Existence, Finding, UpstreamResolver } from './upstream.ts'

/** Where an answer came from; the label of `tidegate_dns_duration_seconds`. */
export type Source = 'local' | 'cache' | 'upstream'

/** The answer to a question, before it has a virtual address and is rendered. */
export interface Outcome {
  readonly rcode: number
  /** `virtual`: the address of this name, to be assigned when the flow is known. */
  readonly answer: Answer | { readonly kind: 'virtual'; readonly host: Hostname }
  /** Seconds. */
  readonly ttl: number
  readonly error: ExtendedError | undefined
  readonly failure: ErrorCode | undefined
  readonly source: Source
}

/** Seconds a client may keep an answer made here: short, as the policy may be replaced. */
const localTtl = 10
/** Seconds a client may keep an answer at least and at most; a virtual address is kept for it longer than that. */
const clientTtl = { least: 5, most: 300 }

/** Does what a step says. A value when nothing has to be waited for; a promise that never rejects otherwise. */
export function perform(action: Action, upstream: UpstreamResolver, now: () => number): Outcome | Promise<Outcome> {
  switch (action.do) {
    case 'reply':
      return replied(action)
    case 'address':
    case 'no-record': {
      const existence = upstream.exists(action.host)
      return existence instanceof Promise
        ? existence.then(found => fromExistence(action, found, now()))
        : fromExistence(action, existence, now())
    }
    case 'records': {
      const finding = upstream.find(action.host, action.type)
      return finding instanceof Promise ? finding.then(found => fromFinding(found, now())) : fromFinding(finding, now())
    }
    default:
      return action satisfies never
  }
}

/** The outcome of an answer that is made here. */
export function replied({ rcode: code, answer, error }: Extract<Action, { do: 'reply' }>): Outcome {
  return { rcode: code, answer, ttl: localTtl, error, failure: undefined, source: 'local' }
}

function fromExistence(
  action: Extract<Action, { do: 'address' | 'no-record' }>,
  found: Existence,
  now: number,
): Outcome {
  const source = found.cached ? 'cache' : 'upstream'
  const ttl = ttlOf(found.expiresAt, now)
  switch (found.outcome) {
    case 'exists':
      return action.do === 'address'
        ? known(rcode.noError, { kind: 'virtual', host: action.host }, ttl, source)
        : known(rcode.noError, negative, ttl, source)
    case 'no-data':
      return known(rcode.noError, negative, ttl, source)
    case 'no-name':
      return known(rcode.nxDomain, negative, ttl, source)
    case 'failed':
      return failed(found.failure ?? 'UPSTREAM_DNS', source)
    default:
      return found.outcome satisfies never
  }
}

function fromFinding(found: Finding, now: number): Outcome {
  const source = found.cached ? 'cache' : 'upstream'
  if (found.failure !== undefined) return failed(found.failure, source)
  const answer: Answer = found.records === undefined ? negative : { kind: 'records', records: found.records }
  return known(found.rcode, answer, ttlOf(found.expiresAt, now), source)
}

const negative: Answer = { kind: 'negative' }

function known(code: number, answer: Outcome['answer'], ttl: number, source: Source): Outcome {
  return { rcode: code, answer, ttl, error: undefined, failure: undefined, source }
}

/** SERVFAIL with its cause: the client may try again, and a person can see what is wrong. */
export function failed(code: ErrorCode, source: Source): Outcome {
  return {
    rcode: rcode.servFail,
    answer: { kind: 'none' },
    ttl: 0,
    error: { code: infoCodes[code] ?? infoCode.noReachableAuthority, text: `tidegate: ${code}` },
    failure: code,
    source,
  }
}

const infoCodes: Partial<Record<ErrorCode, number>> = {
  UPSTREAM_DNS: infoCode.noReachableAuthority,
  UPSTREAM_TIMEOUT: infoCode.networkError,
  UPSTREAM_UNREACHABLE: infoCode.networkError,
  LIMIT_REACHED: infoCode.rateLimited,
  JOB_LIMIT: infoCode.rateLimited,
}

/** Gives the name its address; out of addresses is a failure of ours, and says so. */
export function settle(outcome: Outcome, job: Job, flow: string): Outcome & { readonly answer: Answer } {
  const { rcode: code, answer, ttl, error, failure, source } = outcome
  if (answer.kind !== 'virtual') return { rcode: code, answer, ttl, error, failure, source }
  const address = job.names.assign(answer.host, ttl, flow)
  if (address === undefined) return { ...failed('LIMIT_REACHED', source), answer: { kind: 'none' } }
  return { rcode: code, answer: { kind: 'address', address }, ttl, error, failure, source }
}

function ttlOf(expiresAt: number, now: number): number {
  return Math.min(clientTtl.most, Math.max(clientTtl.least, Math.ceil((expiresAt - now) / 1_000)))
}
