import { climbingPath, normalisePath } from '../net/path.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, DenyReason } from '../policy/decision.ts'
import { hasForbiddenParts } from '../policy/forbidden-parts.ts'
import type { Policy } from '../policy/policy.ts'
import { parseAuthority } from './authority.ts'
import type { HttpContext } from './context.ts'
import { asksForDns } from './doh.ts'

/** What a request asks for, as far as the decision needs it; the same for HTTP/1 and HTTP/2. */
export interface RequestFacts {
  /** As sent, case-sensitive. */
  readonly method: string
  /** `Host` or `:authority` as sent; undefined when absent (HTTP/1.0 only). */
  readonly authority: string | undefined
  /** Origin form with query as sent, one character per byte (latin1); `*` for `OPTIONS *`. */
  readonly target: string
  /** What `Upgrade` (or extended CONNECT's `:protocol`) asks for. */
  readonly upgrade: 'none' | 'websocket' | 'other'
  /** A DNS media type was seen in `Content-Type` or `Accept`. */
  readonly dnsMedia: boolean
  /** `Content-Length`, where given; bytes. */
  readonly bodyLength: number | undefined
}

/** A request decided. */
export interface Judged {
  readonly decision: Decision
  readonly scheme: 'https' | 'http' | 'wss' | 'ws'
  /** Normal form without query, for log and refusal; undefined where it has none. */
  readonly path: string | undefined
}

type Scheme = Judged['scheme']

/**
 * Decides one request on a connection; each request of HTTP/1 and each stream of HTTP/2 comes here. In this order:
 * the log can be written · the connection is not refused · it is not CONNECT (T8) · the path has one meaning · the host asked for is the connection's own
 * (T2, T3) · the policy · an upgrade is to WebSocket (T8) · DNS over HTTPS has a rule that names its path (D2) · the
 * body fits. In audit mode everything but `forbid` becomes an observation. Pure but for the job's state.
 */
export function judgeRequest(context: HttpContext, facts: RequestFacts): Judged {
  const { job, host, port } = context
  const { policy } = job
  const scheme = schemeOf(context.scheme, facts.upgrade)
  const path = facts.target === '*' ? normalisePath('/') : normalisePath(facts.target)
  if (job.recordFailed && policy.mode === 'block') return { decision: deny('log-failure'), scheme, path }
  // What refused the connection refuses what comes over it; the request may say anything.
  if (context.refusal !== undefined && 'verdict' in context.refusal) return { decision: context.refusal, scheme, path }
  if (facts.method === 'CONNECT' && facts.upgrade === 'none')
    return { decision: judgeConnect(context, scheme), scheme, path }
  if (path === undefined) return { decision: refuseUnread(context, 'malformed'), scheme, path }
  if (facts.upgrade === 'other' && mustBeRead(context)) return { decision: deny('upgrade'), scheme, path }
  if (!isOwnAuthority(context, facts.authority))
    return { decision: judgeStranger(context, facts, scheme, path), scheme, path }

  const request = { kind: 'request', scheme, host, port, method: facts.method, path } as const
  const decision = decideReadings(policy, request, facts.target)
  if (decision.verdict !== 'allow') return { decision, scheme, path }
  const further = furtherReason(policy, decision, facts, request)
  return { decision: further === undefined ? decision : refuse(policy, further, decision.rule), scheme, path }
}

type Asked = Extract<Parameters<typeof decide>[1], { kind: 'request' }>

/** The target is forwarded as it came, and some servers do not resolve `..`: what either reading refuses is refused. */
function decideReadings(policy: Policy, request: Asked, target: string): Decision {
  const decision = decide(policy, request)
  const path = climbingPath(target)
  if (path === undefined || decision.verdict === 'deny') return decision
  const climbing = decide(policy, { ...request, path })
  if (decision.verdict === 'allow' && climbing.verdict === 'allow') {
    const [limit, other] = [decision, climbing].map(({ maxRequestBytes = Infinity }) => maxRequestBytes)
    return (other ?? Infinity) < (limit ?? Infinity) ? climbing : decision
  }
  return decision.verdict === 'allow' || climbing.verdict === 'deny' ? climbing : decision
}

/** Whether an answer to this request may be a DNS message: a rule names its path, or it is only observed anyway. */
export function mayCarryDns(
  { job, host, port }: HttpContext,
  { decision, scheme, path }: Judged,
  method: string,
): boolean {
  if (decision.verdict !== 'allow' || path === undefined) return true
  return namesPath(job.policy, decision.rule, { kind: 'request', scheme, host, port, method, path })
}

/** A refusal by `reason`, which in audit mode is an observation. */
export function refuse(policy: Policy, reason: DenyReason, rule: string | null = null): Decision {
  return policy.mode === 'block'
    ? { verdict: 'deny', reason, rule }
    : { verdict: 'observe', reason, rule, carriage: asItIs }
}

/** The same for what would make the rest of the connection unreadable: in audit denied where a part of the host is forbidden. */
export function refuseUnread(context: HttpContext, reason: DenyReason): Decision {
  return mustBeRead(context) ? deny(reason) : refuse(context.job.policy, reason)
}

/** `forbid` holds in audit too: where it speaks of a part of this host, nothing passes that cannot be read. */
export function mustBeRead({ job, host, port }: HttpContext): boolean {
  return hasForbiddenParts(job.policy, host, port)
}

/** What an allowed request may still trip over. */
function furtherReason(
  policy: Policy,
  decision: Extract<Decision, { verdict: 'allow' }>,
  facts: RequestFacts,
  request: Asked,
): DenyReason | undefined {
  if (facts.upgrade === 'other') return 'upgrade'
  if ((facts.dnsMedia || asksForDns(request.path, facts.target)) && !namesPath(policy, decision.rule, request))
    return 'protocol'
  if (
    facts.bodyLength !== undefined &&
    decision.maxRequestBytes !== undefined &&
    facts.bodyLength > decision.maxRequestBytes
  )
    return 'too-large'
  return undefined
}

/** Whether the rule is about this path: then the same rule does not allow one that nobody would have written down. */
function namesPath(policy: Policy, rule: string, request: Asked): boolean {
  const elsewhere = decide(policy, { ...request, path: '/tidegate-asks-whether-any-path-will-do' })
  return elsewhere.verdict !== 'allow' || elsewhere.rule !== rule
}

/** A proxy inside a connection leads past every decision (T8). In audit it is carried, but not at a forbidden place. */
function judgeConnect(context: HttpContext, scheme: Scheme): Decision {
  const { job, host, port } = context
  const decision = decide(job.policy, { kind: 'request', scheme, host, port, method: 'CONNECT', path: '/' })
  return decision.verdict === 'deny' && decision.reason === 'forbidden' ? decision : refuseUnread(context, 'method')
}

/** In audit a request for another host goes where it would have gone, unless that host is forbidden. */
function judgeStranger(context: HttpContext, facts: RequestFacts, scheme: Scheme, path: string): Decision {
  const { job, host, port } = context
  const named = facts.authority === undefined ? undefined : parseAuthority(facts.authority)
  if (job.policy.mode === 'audit') {
    // Servers look at either, and hardly any at the port.
    const places = [{ host, port }, ...(named === undefined ? [] : [{ host: named.host, port }])]
    if (named?.port !== undefined) places.push({ host: named.host, port: named.port })
    for (const place of places) {
      const request = { kind: 'request', scheme, ...place, method: facts.method, path } as const
      const decision = decideReadings(job.policy, request, facts.target)
      if (decision.verdict === 'deny') return decision
    }
  }
  return refuse(job.policy, 'host-mismatch')
}

/** The host must be the connection's own; a port, where one is named, too. */
function isOwnAuthority(context: HttpContext, authority: string | undefined): boolean {
  // The spelling nearly every request has.
  if (authority === undefined || authority === context.host) return true
  const parsed = parseAuthority(authority)
  return parsed !== undefined && parsed.host === context.host && (parsed.port ?? context.port) === context.port
}

function schemeOf(scheme: 'https' | 'http', upgrade: RequestFacts['upgrade']): Scheme {
  if (upgrade !== 'websocket') return scheme
  return scheme === 'https' ? 'wss' : 'ws'
}

function deny(reason: DenyReason): Decision {
  return { verdict: 'deny', reason, rule: null }
}

/** An observed request is carried as it came; the front door has chosen how. */
const asItIs = { inspectTls: false, http: false, passTls: false, raw: false } as const
