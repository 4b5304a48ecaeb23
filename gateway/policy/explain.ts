import { isAddress } from '../net/address.ts'
import type { Decision, DenyReason, Destination, Host, Scheme } from './decision.ts'
import { unreachable } from '../errors.ts'
import { decide } from './decide.ts'
import type { Policy } from './policy.ts'

/**
 * The policy line that would allow this destination, and as little else as a line can: refusals, the report and
 * `explain` show it. A name is taken to be wanted for https; a request gets its method and path.
 */
export function suggestLine(destination: Destination): string {
  switch (destination.kind) {
    case 'name':
      return destination.host
    case 'endpoint':
      return suggestEndpoint(destination.transport, destination.host, destination.port)
    case 'address':
      return `${destination.transport}://${bracketed(destination.address)}:${String(destination.port)}`
    case 'request':
      return suggestRequest(destination)
    default:
      return unreachable(destination)
  }
}

function suggestEndpoint(transport: 'tcp' | 'udp', host: Host, port: number): string {
  if (transport === 'tcp' && port === 443) return host
  if (transport === 'tcp' && port === 80) return `http://${host}`
  return `${transport}://${host}:${String(port)}`
}

function suggestRequest({ scheme, host, port, method, path }: Extract<Destination, { kind: 'request' }>): string {
  // A path that holds a `*` of its own is matched by one.
  const pattern = path.replace(/\*+/g, '*')
  const hasMethod = (scheme === 'https' || scheme === 'http') && /^[A-Z][A-Z_-]*$/.test(method) && method !== 'CONNECT'
  return `${hasMethod ? `${method} ` : ''}${renderPlace(scheme, host, port)}${pattern}`
}

/** `scheme://host[:port]`, the port where a rule needs it. */
export function renderPlace(scheme: Scheme, host: Host, port: number): string {
  const defaultPort = { https: 443, wss: 443, tls: 443, http: 80, ws: 80, tcp: undefined, udp: undefined }[scheme]
  return `${scheme}://${bracketed(host)}${port === defaultPort && !isAddress(host) ? '' : `:${String(port)}`}`
}

function bracketed(host: Host): string {
  return host.includes(':') ? `[${host}]` : host
}

/** What a reason means, as the end of a sentence. */
export function explainReason(reason: DenyReason): string {
  return sentences[reason]
}

const sentences: Readonly<Record<DenyReason, string>> = {
  'no-rule': 'no rule allows it',
  'denied-by-rule': 'the policy denies it, and deny beats allow',
  forbidden: 'a forbid rule matches, which holds in audit mode too',
  'address-literal': 'it is an address, and no rule names that address',
  'private-address': 'the address is private or special, and not in a range the policy opens',
  'sni-mismatch': 'the name in the TLS handshake is not the name that was looked up',
  'host-mismatch': 'the Host header is not the name of the connection',
  'no-sni': 'the TLS handshake names no host',
  method: 'the rules for this host and path do not allow this method',
  path: 'the rules for this host do not allow this path',
  upgrade: 'an upgrade to WebSocket needs a wss:// or ws:// rule',
  protocol: 'the rules for this host and port mean another protocol',
  'dns-type': 'this type of DNS record is not answered',
  'dns-budget': 'too many different names were asked for under one domain',
  'too-large': 'the request body is larger than the rule allows, or the job is over one of its limits (JOB_LIMIT)',
  malformed: 'it cannot be read without guessing',
  'job-unknown': 'it belongs to no known job',
  'log-failure': 'the log cannot be written, and the policy refuses what it cannot record',
}

/** One layer's answer on the way of a flow. */
export interface Step {
  readonly destination: Destination
  readonly decision: Decision
}

/** The decisions a flow would meet, from DNS to the request, up to the first that ends it. */
export interface Explanation {
  readonly steps: readonly Step[]
  /** The last step, which gives the outcome. */
  readonly outcome: Step
  /** True when the gateway passes the bytes without reading them, so that no request is decided. */
  readonly unread: boolean
}

/** Follows one flow through the policy: name → endpoint (or address) → request, where the gateway would read one. */
export function explainFlow(
  policy: Policy,
  transport: 'tcp' | 'udp',
  request: Extract<Destination, { kind: 'request' }> | Endpoint,
): Explanation {
  const { host, port } = request
  const name: readonly Destination[] = isAddress(host) ? [] : [{ kind: 'name', host }]
  const endpoint: Destination = isAddress(host)
    ? { kind: 'address', transport, address: host, port }
    : { kind: 'endpoint', transport, host, port }
  const steps: Step[] = []
  let last: Step = { destination: endpoint, decision: decide(policy, endpoint) }
  for (const destination of [...name, endpoint]) {
    last = { destination, decision: decide(policy, destination) }
    steps.push(last)
    if (last.decision.verdict === 'deny') return { steps, outcome: last, unread: false }
  }
  if (request.kind === 'place' || last.decision.verdict === 'deny')
    return { steps, outcome: worst(steps, last), unread: true }
  const { carriage } = last.decision
  const isTls = request.scheme === 'https' || request.scheme === 'wss'
  if (isTls ? !carriage.inspectTls && (carriage.passTls || carriage.raw) : !carriage.http && carriage.raw) {
    return { steps, outcome: worst(steps, last), unread: true }
  }
  last = { destination: request, decision: decide(policy, request) }
  steps.push(last)
  return { steps, outcome: worst(steps, last), unread: false }
}

/** A place to connect to, when nothing is said about a request. */
export interface Endpoint {
  readonly kind: 'place'
  readonly host: Host
  readonly port: Extract<Destination, { kind: 'endpoint' }>['port']
}

/** A denial ends the flow; an observation colours all of it. */
function worst(steps: readonly Step[], last: Step): Step {
  if (last.decision.verdict === 'deny') return last
  return steps.findLast(step => step.decision.verdict === 'observe') ?? last
}
