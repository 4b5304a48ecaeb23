import type { DenyReason } from '../policy/decision.ts'

/** An Extended DNS Error (RFC 8914): why an answer is what it is, for the client that can show it. */
export interface ExtendedError {
  readonly code: number
  /** Shown by `dig` and systemd-resolved; cut at 200 bytes. */
  readonly text: string
}

/** INFO-CODEs of RFC 8914 §4 that the gateway uses. */
export const infoCode = {
  blocked: 15,
  notReady: 14,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  rateLimited: 31,
  overQuota: 32,
} as const

/** Why a question was refused and what would allow it: `name` is the host as logged, `rule` the rule that denied it. */
export function explainDenial(name: string, reason: DenyReason, rule: string | null): ExtendedError {
  const detail = rule === null ? fixOf(name, reason) : `by ${rule}`
  return { code: infoCode.blocked, text: `tidegate: ${reason}: ${detail}` }
}

function fixOf(name: string, reason: DenyReason): string {
  switch (reason) {
    case 'no-rule':
      return `no rule names it; "- ${name}" under allow: would`
    case 'dns-type':
      return 'this record type is not answered; see docs/dns.md'
    case 'dns-budget':
      return 'too many names or bytes under one domain; name the hosts without a wildcard'
    case 'malformed':
      return 'not a host name'
    case 'log-failure':
      return 'the log cannot be written and the policy says onLogFailure: deny'
    case 'denied-by-rule':
    case 'forbidden':
    case 'address-literal':
    case 'private-address':
    case 'sni-mismatch':
    case 'host-mismatch':
    case 'no-sni':
    case 'method':
    case 'path':
    case 'upgrade':
    case 'protocol':
    case 'too-large':
    case 'job-unknown':
      return 'refused'
    default:
      return reason satisfies never
  }
}
