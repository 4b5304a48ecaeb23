import { climbingPath, normalisePath } from '../net/path.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, DenyReason } from '../policy/decision.ts'
import { hasForbiddenParts } from '../policy/forbidden-parts.ts'
import { namesPath } from '../policy/names-path.ts'
import type { Policy } from '../policy/policy.ts'
import { type Authority, guessAuthority, isOwnAuthority } from './authority.ts'
import type { HttpContext } from './context.ts'
import { asksForDns } from './doh.ts'

/** What a request asks for, as far as the decision needs it; the same for HTTP/1 and HTTP/2. */
export interface RequestFacts {
  /** As sent, case-sensitive. */
  readonly method: string
  /** `Host` or `:authority` as sent; undefined when absent (HTTP/1.0 only). */
  readonly authority: string | undefined
  /** Where the head names a second place besides `authority`: that one. */
  readonly otherAuthority?: string | undefined
  /** Origin form with query as sent, one character per byte (latin1); `*` for `OPTIONS *`. */
  readonly target: string
  /** What `Upgrade` (or extended CONNECT's `:protocol`) asks for. */
  readonly upgrade: 'none' | 'websocket' | 'other'
  /** A DNS media type was seen in `Content-Type` or `Accept`. */
  readonly dnsMedia: boolean
  /** Methods that `X-HTTP-Method-Override` and its like ask to act on instead; those that only read aside. */
  readonly overrides?: readonly string[] | undefined
  /** `Content-Length`, where given; bytes. */
  readonly bodyLength: number | undefined
}

/** A request decided. */
export interface Judged {
  readonly decision: Decision
  readonly scheme: 'https' | 'http' | 'wss' | 'ws'
  /** Normal form without query, for log and refusal; undefined where it has none. */
  readonly path: string | undefined
  /** The place that was asked for, as sent, when it is not the connection's own. */
  readonly asked?: string | undefined
  /** The method that was judged, when it is not the one in the request line. */
  readonly method?: string
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
    return { decision: judgeConnect(context, scheme, facts.target), scheme, path }
  if (path === undefined) {
    const decision = judgeElsewhere(context, facts, scheme, '/') ?? refuseUnread(context, 'malformed')
    return { decision, scheme, path, ...askedOf(context, facts) }
  }
  if (facts.upgrade === 'other' && mustBeRead(context)) return { decision: deny('upgrade'), scheme, path }
  if (!isOwnAuthority(context, facts.authority)) {
    const decision = judgeElsewhere(context, facts, scheme, path) ?? refuse(policy, 'host-mismatch')
    return { decision, scheme, path, asked: facts.authority }
  }

  const request = { kind: 'request', scheme, host, port, method: facts.method, path } as const
  let decision = decideReadings(policy, request, facts.target)
  let acting: string | undefined
  for (const method of facts.overrides ?? []) {
    const other = decideReadings(policy, { ...request, method }, facts.target)
    if (stricter(decision, other) === decision) continue
    decision = other
    acting = method
  }
  if (decision.verdict !== 'allow')
    return { decision, scheme, path, ...(acting === undefined ? {} : { method: acting }) }
  const further = furtherReason(policy, decision, facts, request)
  return { decision: further === undefined ? decision : refuse(policy, further, decision.rule), scheme, path }
}

type Asked = Extract<Parameters<typeof decide>[1], { kind: 'request' }>

/** The target is forwarded as it came, and some servers do not resolve `..`: what either reading refuses is refused. */
function decideReadings(policy: Policy, request: Asked, target: string): Decision {
  const decision = decide(policy, request)
  // In its normal form there are no such segments.
  if (decision.verdict === 'deny' || target === request.path) return decision
  const path = climbingPath(target)
  if (path === undefined) return decision
  return stricter(decision, decide(policy, { ...request, path }))
}

/** Of two readings of one request the one that lets it do less; the first between equals. */
function stricter(a: Decision, b: Decision): Decision {
  if (a.verdict === 'allow' && b.verdict === 'allow')
    return (b.maxRequestBytes ?? Infinity) < (a.maxRequestBytes ?? Infinity) ? b : a
  if (a.verdict === 'deny') return a
  return a.verdict === 'allow' || b.verdict === 'deny' ? b : a
}

/** Whether an answer to this request may be a DNS message: a rule names its path, or it is only observed anyway. */
export function mayCarryDns(
  { job, host, port }: HttpContext,
  { decision, scheme, path }: Judged,
  method: string,
): boolean {
  if (decision.verdict !== 'allow' || path === undefined) return true
  return namesPath(job.policy, { kind: 'request', scheme, host, port, method, path })
}

/** Bytes of body that a request may have. */
export function bodyLimit(decision: Decision): number {
  return decision.verdict === 'allow' ? (decision.maxRequestBytes ?? Infinity) : Infinity
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
  if ((facts.dnsMedia || asksForDns(request.path, facts.target)) && !namesPath(policy, request)) return 'protocol'
  if (
    facts.bodyLength !== undefined &&
    decision.maxRequestBytes !== undefined &&
    facts.bodyLength > decision.maxRequestBytes
  )
    return 'too-large'
  return undefined
}

/** A proxy inside a connection leads past every decision (T8). In audit it is carried, but not at or to a forbidden place. */
function judgeConnect(context: HttpContext, scheme: Scheme, target: string): Decision {
  const { job, host, port } = context
  const there = guessAuthority(target)
  for (const place of [
    { host, port },
    ...(there === undefined ? [] : [{ host: there.host, port: there.port ?? port }]),
  ]) {
    const decision = decide(job.policy, { kind: 'request', scheme, ...place, method: 'CONNECT', path: '/' })
    if (decision.reason === 'forbidden') return decision
  }
  return refuseUnread(context, 'method')
}

/** In audit a request for another host goes where it would have gone, unless that host is forbidden: then this says so. */
function judgeElsewhere(context: HttpContext, facts: RequestFacts, scheme: Scheme, path: string): Decision | undefined {
  const { job, host, port } = context
  if (job.policy.mode !== 'audit') return undefined
  // Servers look at any of them, and hardly any at the port.
  for (const { host: named, port: namedPort } of [{ host, port }, ...placesOf(facts)]) {
    for (const at of new Set([port, namedPort ?? port])) {
      const request = { kind: 'request', scheme, host: named, port: at, method: facts.method, path } as const
      const decision = decideReadings(job.policy, request, facts.target)
      if (decision.reason === 'forbidden') return decision
    }
  }
  return undefined
}

function askedOf(context: HttpContext, { authority }: RequestFacts): Pick<Judged, 'asked'> {
  return isOwnAuthority(context, authority) ? {} : { asked: authority }
}

/** The places that a head names. */
function placesOf({ authority, otherAuthority }: RequestFacts): readonly Authority[] {
  return [authority, otherAuthority].flatMap(text => {
    const place = text === undefined ? undefined : guessAuthority(text)
    return place === undefined ? [] : [place]
  })
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
