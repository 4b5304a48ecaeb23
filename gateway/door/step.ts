import { unreachable } from '../errors.ts'
import type { Carriage, Decision, DenyReason, Host } from '../policy/decision.ts'
import type { Denied } from '../upstream/outside.ts'
import type { ClientHello } from './client-hello.ts'
import type { Opening } from './opening.ts'

/** What is known of a connection when its first bytes were seen. */
export interface Situation {
  /** What the policy says of the endpoint or address. */
  readonly decision: Decision
  readonly host: Host
  /** True when the job dialled an address that stands for no name. */
  readonly isLiteral: boolean
  readonly opening: Opening
  /** Audit mode: nothing that the policy does not `forbid` is refused. */
  readonly isAudit: boolean
  /** What the policy says of the name that the TLS client asks for, when that is not `host`. */
  readonly otherName?: Decision
  /** Audit mode: this host is not inspected any more, because a client of it refused our certificate. */
  readonly isPassedHost: boolean
  /** A `forbid` rule on a part of this host must be looked for in each request: nothing passes unread, in any mode. */
  readonly mustRead: boolean
}

/** What to do with a connection; the socket code only obeys. */
export type Step =
  /** Terminate TLS, decide each request. */
  | { readonly do: 'inspect'; readonly hello: ClientHello }
  /** Splice: TLS whose name was checked, or any bytes. `observed`: block mode would refuse it, for this reason. */
  | { readonly do: 'splice'; readonly protocol: 'tls' | 'tcp'; readonly observed?: DenyReason }
  /** Relay plain HTTP/1, decide each request. */
  | { readonly do: 'relay' }
  | { readonly do: 'refuse'; readonly denied: Denied }
  /** The client closed, or never said what it wants. */
  | { readonly do: 'close' }

/**
 * Chooses how a connection is carried. Pure. In order:
 * a denial is a denial; what only a `tcp://` rule admits is spliced unread; TLS must ask for the very name that was
 * dialled; `tls://` beats inspection (it already allows everything to that name); the protocol must be one the rules
 * name. Audit mode splices, and says so, where block mode refuses.
 */
export function nextStep(situation: Situation): Step {
  const { decision, opening } = situation
  if (decision.verdict === 'deny') return { do: 'refuse', denied: decision }
  const observed = decision.verdict === 'observe' ? { observed: decision.reason } : {}
  const carriage = usableCarriage(decision, situation.mustRead)

  switch (opening.kind) {
    case 'tls':
      return tlsStep(situation, opening.hello)
    case 'broken-tls':
      return carriage.raw ? { do: 'splice', protocol: 'tcp', ...observed } : unwanted(situation, 'malformed')
    case 'http1':
      // In audit each request is decided, and observed, on its own.
      if (carriage.http || (situation.isAudit && !carriage.raw)) return { do: 'relay' }
      break
    case 'silent':
      // Under audit everything is admitted, so a server that speaks first still gets its connection.
      if (!carriage.raw && !situation.isAudit) return { do: 'close' }
      break
    case 'h2c':
    case 'other':
      break
  }
  return carriage.raw ? { do: 'splice', protocol: 'tcp', ...observed } : unwanted(situation, 'protocol')
}

function tlsStep(situation: Situation, hello: ClientHello): Step {
  const { decision, otherName } = situation
  if (decision.verdict === 'deny') return { do: 'refuse', denied: decision }
  if (otherName?.verdict === 'deny' && (situation.isAudit || otherName.reason === 'forbidden'))
    return { do: 'refuse', denied: otherName }
  const carriage = usableCarriage(decision, situation.mustRead)
  const observed = decision.verdict === 'observe' ? { observed: decision.reason } : {}

  const wrongName = nameFault(situation, hello)
  if (wrongName !== undefined) {
    if (carriage.raw && decision.verdict === 'allow') return { do: 'splice', protocol: 'tls' }
    return unwanted(situation, wrongName)
  }
  const mayInspect = carriage.inspectTls && speaksHttp(hello)
  // An address that would be refused is carried as it came: we know no name to answer as, or to verify.
  const rather =
    !situation.mustRead && (situation.isPassedHost || (situation.isLiteral && decision.verdict === 'observe'))
  if (carriage.passTls && decision.verdict === 'allow') return { do: 'splice', protocol: 'tls' }
  if (mayInspect && !rather) return { do: 'inspect', hello }
  if (carriage.passTls || carriage.raw || (mayInspect && rather)) return { do: 'splice', protocol: 'tls', ...observed }
  return unwanted(situation, 'protocol')
}

/** Where an observed endpoint has parts that are forbidden, it is read or refused; of an allowed one the policy has seen to it. */
function usableCarriage(decision: Exclude<Decision, Denied>, mustRead: boolean): Carriage {
  return decision.verdict === 'observe' && mustRead
    ? { ...decision.carriage, raw: false, passTls: false }
    : decision.carriage
}

/** Why the name in the hello is not the one that was dialled. */
function nameFault(situation: Situation, hello: ClientHello): DenyReason | undefined {
  switch (hello.serverName.kind) {
    case 'name':
      return hello.serverName.host === situation.host ? undefined : 'sni-mismatch'
    case 'none':
      return situation.isLiteral ? undefined : 'no-sni'
    case 'invalid':
      return 'sni-mismatch'
    default:
      return unreachable(hello.serverName)
  }
}

/** No offer at all is HTTP/1.1, as clients without ALPN mean it. */
function speaksHttp(hello: ClientHello): boolean {
  return hello.alpn.length === 0 || hello.alpn.includes('h2') || hello.alpn.includes('http/1.1')
}

function unwanted(situation: Situation, reason: DenyReason): Step {
  if (!situation.isAudit || situation.mustRead) return { do: 'refuse', denied: { verdict: 'deny', reason, rule: null } }
  const { decision } = situation
  const observed = decision.verdict === 'observe' ? decision.reason : reason
  return { do: 'splice', protocol: situation.opening.kind === 'tls' ? 'tls' : 'tcp', observed }
}
