import { parseHostname } from '../net/hostname.ts'
import { contains } from '../net/cidr.ts'
import type { Host, Scheme } from './decision.ts'
import type { Finding } from './finding.ts'
import { containsPattern } from './match-parts.ts'
import { type RankedRule, RuleIndex } from './rule-index.ts'
import { isScoped, renderRule, type Rule } from './rule.ts'

/**
 * Rules that change nothing: an allowing rule that a refusing rule covers whole never matches; a rule that another of
 * its kind covers whole is not needed. Looks only at rules that could match the same host and path, through the index.
 */
export function lintOverlap(ranked: readonly RankedRule[], isOwn: (rule: Rule) => boolean): readonly Finding[] {
  const index = new RuleIndex(ranked)
  return ranked
    .filter(({ rule }) => isOwn(rule))
    .flatMap(one => {
      const others = rivals(index, one.rule).filter(other => other !== one)
      const refusing = others.find(({ rule }) => isStronger(rule, one.rule) && covers(rule, one.rule))
      if (refusing !== undefined) return [finding(one.rule, refusing.rule)]
      const wider = others.find(other => other.rule.effect === one.rule.effect && makesNeedless(other, one))
      return wider === undefined ? [] : [finding(one.rule, wider.rule)]
    })
}

function finding(rule: Rule, by: Rule): Finding {
  const never = rule.effect === 'allow' && by.effect !== 'allow'
  return {
    severity: 'warning',
    code: never ? 'NEVER_MATCHES' : 'SHADOWED',
    what: never
      ? `\`${rule.text}\` never matches: ${renderRule(by)} refuses all of it`
      : `\`${rule.text}\` changes nothing: ${renderRule(by)} covers all of it`,
    fix:
      rule.text === by.text || never
        ? 'remove one of the two'
        : 'remove this rule, or the wider one if this is what you mean',
    ...rule.position,
  }
}

function isStronger(a: Rule, b: Rule): boolean {
  return (a.effect === 'forbid' && b.effect !== 'forbid') || (a.effect === 'deny' && b.effect === 'allow')
}

/** Of two rules that cover each other, the one that stands later in rank is needless. */
function makesNeedless(wide: RankedRule, narrow: RankedRule): boolean {
  if (wide.rule.maxRequestBytes !== undefined || narrow.rule.maxRequestBytes !== undefined) return false
  return covers(wide.rule, narrow.rule) && (!covers(narrow.rule, wide.rule) || wide.rank < narrow.rank)
}

/** Rules that match some host and path that `rule` matches: a superset of those that cover it. */
function rivals(index: RuleIndex, rule: Rule): readonly RankedRule[] {
  const host = sampleHost(rule)
  if (host === undefined) return []
  return index.find(host).requests(`/${(rule.path ?? ['**']).map(sampleOf).join('/')}`)
}

function sampleHost({ host }: Rule): Host | undefined {
  return host.kind === 'address' ? host.cidr.base : parseHostname(host.labels.map(sampleOf).join('.'))
}

/** One of the parts that a pattern part matches, unlikely to stand in another rule. */
function sampleOf(part: string): string {
  return part === '*' || part === '**' ? 'zz--sample--zz' : part.replaceAll('*', '')
}

/** Whether `wide` matches whatever `narrow` does. */
function covers(wide: Rule, narrow: Rule): boolean {
  return (
    coversHost(wide, narrow) &&
    wide.ports.from <= narrow.ports.from &&
    narrow.ports.to <= wide.ports.to &&
    coversScheme(wide, narrow) &&
    (wide.methods === undefined || (narrow.methods?.every(method => wide.methods?.includes(method)) ?? false)) &&
    (wide.path === undefined || (narrow.path !== undefined && containsPattern(wide.path, narrow.path, true)))
  )
}

function coversHost({ host: wide }: Rule, { host: narrow }: Rule): boolean {
  if (wide.kind === 'name') return narrow.kind === 'name' && containsPattern(wide.labels, narrow.labels, false)
  return narrow.kind === 'address' && wide.cidr.prefix <= narrow.cidr.prefix && contains(wide.cidr, narrow.cidr.base)
}

const within: Readonly<Record<Scheme | 'any', readonly (Scheme | 'any')[]>> = {
  https: ['https'],
  http: ['http'],
  wss: ['wss'],
  ws: ['ws'],
  tls: ['tls', 'https', 'wss'],
  tcp: ['tcp', 'tls', 'https', 'wss', 'http', 'ws'],
  udp: ['udp'],
  any: ['any', 'tcp', 'udp', 'tls', 'https', 'wss', 'http', 'ws'],
}

function coversScheme(wide: Rule, narrow: Rule): boolean {
  if (wide.effect === 'allow') return within[wide.scheme].includes(narrow.scheme)
  // A refusing rule on a whole endpoint refuses every protocol of its transport.
  if (!isScoped(wide))
    return wide.scheme === 'any' || ((wide.scheme === 'udp') === (narrow.scheme === 'udp') && narrow.scheme !== 'any')
  const upgrades =
    (wide.scheme === 'https' && narrow.scheme === 'wss') || (wide.scheme === 'http' && narrow.scheme === 'ws')
  return wide.scheme === narrow.scheme || upgrades
}
