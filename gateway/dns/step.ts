import type { VirtualAddresses } from '../jobs/job.ts'
import { parseAddress } from '../net/address.ts'
import { parseHostname, type Hostname } from '../net/hostname.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, DenyReason, Reason } from '../policy/decision.ts'
import type { Policy } from '../policy/policy.ts'
import type { Verdict } from '../record/event.ts'
import { explainDenial, type ExtendedError } from './extended-error.ts'
import { renderAnyRecord, renderPointerRecord } from './local-record.ts'
import { rcode } from './rcode.ts'
import { isMetaType, recordType } from './record-type.ts'
import type { Answer } from './reply.ts'
import { isLocalReverseName, isVirtualReverseName, parseReverseName } from './reverse.ts'
import type { Query } from './wire.ts'

/** The verdict as the log writes it. */
export interface Judgement {
  readonly verdict: Verdict
  readonly reason: Reason
  readonly rule: string | null
}

/** What the responder does with a question; it does this and decides nothing. */
export type Action =
  /** Look whether the name exists, then give its virtual address. */
  | { readonly do: 'address'; readonly host: Hostname }
  /** Look whether the name exists, then say that it has no such record (AAAA, HTTPS, SVCB). */
  | { readonly do: 'no-record'; readonly host: Hostname }
  /** Ask the resolver, in words of our own, and pass its records on. */
  | { readonly do: 'records'; readonly host: Hostname; readonly type: number }
  /** Answer without asking anyone. */
  | { readonly do: 'reply'; readonly rcode: number; readonly answer: Answer; readonly error?: ExtendedError }

/** One question decided. */
export interface Step {
  readonly judgement: Judgement
  readonly action: Action
  /** Whether an attacker may have chosen the name, so that it counts against a budget. */
  readonly counts: boolean
}

/** What a question is decided by. */
export interface Circumstances {
  readonly policy: Policy
  readonly names: Pick<VirtualAddresses, 'lookup'>
  /** `Job.recordFailed`. */
  readonly recordFailed: boolean
}

const negative: Answer = { kind: 'negative' }
const loopback = parseAddress('127.0.0.1')
const service = /^_[^.]+\._(?:tcp|udp|tls|sctp)\.(.+)$/
const grpcConfig = /^_grpc_config\.(.+)$/

/**
 * Decides one question. Pure. In this order: what is no host name is refused; `localhost` and addresses of our own are
 * answered here; then the policy; then the record type (docs/dns.md has the table).
 */
export function nextStep(query: Query, { policy, names, recordFailed }: Circumstances): Step {
  const { name, type } = query
  // NXDOMAIN for the root would say that no name exists at all (RFC 8020).
  if (name === '.') return refuse(query, 'no-rule', null, rcode.refused)
  const host = query.plain ? parseHostname(name) : undefined
  if (host === undefined) return refuse(query, 'malformed', null, rcode.nxDomain)
  if (recordFailed) return refuse(query, 'log-failure', null, rcode.servFail)
  if (host === 'localhost' || host.endsWith('.localhost')) return loopbackStep(type)
  if (isVirtualReverseName(host)) return reverseStep(query, names)

  const decision = decide(policy, { kind: 'name', host })
  switch (decision.verdict) {
    case 'deny':
      return deniedStep(query, host, policy, decision)
    case 'allow':
    case 'observe':
      return admittedStep(query, host, policy, decision)
    default:
      return decision satisfies never
  }
}

type Denied = Extract<Decision, { verdict: 'deny' }>
type Admitted = Exclude<Decision, Denied>

function admittedStep(query: Query, host: Hostname, policy: Policy, decision: Admitted): Step {
  const { verdict, reason, rule } = decision
  const judgement: Judgement = { verdict, reason, rule }
  const counts = !(verdict === 'allow' && decision.namesHost === true)
  switch (query.type) {
    case recordType.a:
      return { judgement, action: { do: 'address', host }, counts }
    case recordType.aaaa:
    case recordType.https:
    case recordType.svcb:
      return { judgement, action: { do: 'no-record', host }, counts }
    case recordType.any:
      return { judgement, action: { do: 'reply', rcode: rcode.noError, answer: anyAnswer() }, counts: false }
    default:
  }
  if (isMetaType(query.type)) return refuse(query, 'dns-type', null, rcode.refused)
  if (verdict === 'allow' && !isForwardedType(query.type)) {
    if (policy.mode === 'block') return refuse(query, 'dns-type', null, rcode.noError)
    return {
      judgement: { verdict: 'observe', reason: 'dns-type', rule },
      action: { do: 'records', host, type: query.type },
      counts: true,
    }
  }
  return { judgement, action: { do: 'records', host, type: query.type }, counts }
}

/** SRV finds a service whose hosts need rules of their own; PTR of a name that a rule admits. */
function isForwardedType(type: number): boolean {
  return type === recordType.srv || type === recordType.ptr
}

function deniedStep(query: Query, host: Hostname, policy: Policy, { reason, rule }: Denied): Step {
  if (reason === 'no-rule') {
    if (isLocalReverseName(host)) return builtIn('reverse names of private addresses', rcode.nxDomain, negative)
    // Clients look for a service of a host before they use the host (apt, gRPC); that host may well be allowed.
    const parent = serviceOwner(query, host)
    const admitting = parent === undefined ? undefined : decide(policy, { kind: 'name', host: parent })
    if (admitting?.verdict === 'allow') {
      const judgement: Judgement = { verdict: 'allow', reason: 'rule', rule: admitting.rule }
      return { judgement, action: { do: 'reply', rcode: rcode.noError, answer: negative }, counts: false }
    }
  }
  return refuse(query, reason, rule, rcode.nxDomain)
}

function serviceOwner({ type }: Query, host: Hostname): Hostname | undefined {
  const owner =
    type === recordType.srv ? service.exec(host)?.[1] : type === recordType.txt ? grpcConfig.exec(host)?.[1] : undefined
  return owner === undefined ? undefined : parseHostname(owner)
}

function loopbackStep(type: number): Step {
  const answer: Answer =
    type === recordType.a && loopback !== undefined ? { kind: 'address', address: loopback } : negative
  return builtIn('localhost (RFC 6761)', rcode.noError, answer)
}

function reverseStep({ name, type }: Query, names: Circumstances['names']): Step {
  const address = parseReverseName(name)
  const host = address === undefined ? undefined : names.lookup(address)?.host
  if (host === undefined) return builtIn('reverse names of virtual addresses', rcode.nxDomain, negative)
  const isPointer = type === recordType.ptr
  const answer: Answer = isPointer ? { kind: 'records', records: renderPointerRecord(name, host) } : negative
  return builtIn('reverse names of virtual addresses', rcode.noError, answer)
}

/** Answered here by standard, under any policy: nothing leaves, so nothing is refused. */
function builtIn(rule: string, code: number, answer: Answer): Step {
  return {
    judgement: { verdict: 'allow', reason: 'rule', rule: `built-in: ${rule}` },
    action: { do: 'reply', rcode: code, answer },
    counts: false,
  }
}

/** Refuses the question under `code`; NOERROR stands for "no such record". Says why to a client that takes EDNS. */
export function refuse({ name }: Query, reason: DenyReason, rule: string | null, code: number): Step {
  const answer: Answer = code === rcode.nxDomain || code === rcode.noError ? negative : { kind: 'none' }
  return {
    judgement: { verdict: 'deny', reason, rule },
    action: { do: 'reply', rcode: code, answer, error: explainDenial(name, reason, rule) },
    counts: true,
  }
}

function anyAnswer(): Answer {
  return { kind: 'records', records: renderAnyRecord() }
}
