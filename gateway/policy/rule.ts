import type { Cidr } from '../net/cidr.ts'
import type { Scheme } from './decision.ts'
import type { Position } from './finding.ts'

/** What a matching rule does; `forbid` holds in audit mode too. */
export type Effect = 'allow' | 'deny' | 'forbid'

/** Ports `from` to `to`, both included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

/**
 * Whom a rule means: names by labels (`**` = one or more, `*` = one or a part of one), or addresses by block.
 * Names never match address literals, and blocks never match names.
 */
export type HostPattern =
  { readonly kind: 'name'; readonly labels: readonly string[] } | { readonly kind: 'address'; readonly cidr: Cidr }

/** A rule as written, checked and taken apart; not yet placed in a policy. */
export interface ParsedRule {
  /** Canonical text: printable ASCII, at most one space. */
  readonly text: string
  /** `any`: a refusing rule that names only a host (and perhaps ports) means every protocol. */
  readonly scheme: Scheme | 'any'
  readonly host: HostPattern
  readonly ports: PortRange
  /** Absent = any method. */
  readonly methods?: readonly string[]
  /** Segments after the first `/` (`**` = zero or more, `*` = one or a part of one); absent = any path. */
  readonly path?: readonly string[]
}

/** A rule in its place. */
export interface Rule extends ParsedRule {
  readonly effect: Effect
  /** Where it stands: `allow[2]`, or `docker-hub: allow[0]` for one that came by `use`. */
  readonly place: string
  readonly position: Position
  /** Bytes of request body allowed per request. */
  readonly maxRequestBytes?: number
  readonly note?: string
  /** `shared`: anyone can have an account behind these names (presets only). */
  readonly tenants?: 'shared'
}

/** The rule as logs and refusals name it: `allow[2] GET,HEAD https://api.example.com/repos/**`. */
export function renderRule(rule: Rule): string {
  return `${rule.place} ${rule.text}`
}

/**
 * True when the rule looks inside a connection (method, path, upgrade or body size), so that it can only be applied
 * to requests the gateway reads.
 */
export function isScoped(rule: Rule): boolean {
  return (
    rule.methods !== undefined ||
    rule.path !== undefined ||
    rule.maxRequestBytes !== undefined ||
    (rule.effect !== 'allow' && (rule.scheme === 'wss' || rule.scheme === 'ws'))
  )
}

/** True when a refusing rule means a name as a whole: every protocol and port, and the name in DNS. */
export function isWholeName(rule: Rule): boolean {
  return rule.scheme === 'any' && rule.ports.from === 1 && rule.ports.to === 65_535
}
