import { type Cidr, renderCidr } from '../net/cidr.ts'
import type { PolicyDocument } from './document.ts'
import { isGlob } from './match.ts'
import { assemble, sha256 } from './layers.ts'
import type { Layer, Mode, Policy } from './policy.ts'
import { type RankedRule, RuleIndex } from './rule-index.ts'
import { isScoped, renderRule, type Rule } from './rule.ts'
import { udpDestinationsOf } from './udp-destinations.ts'

/** Compiles a document without faults. Rules are ranked by how specific they are, so that their order never matters. */
export function compile(document: PolicyDocument): Policy {
  const ranked = rankRules(document.rules)
  const ranges = document.private
  const layer: Layer = {
    name: '',
    mode: document.mode,
    inspect: document.tls.inspect,
    allowing: new RuleIndex(ranked.filter(({ rule }) => rule.effect === 'allow')),
    refusing: new RuleIndex(ranked.filter(({ rule }) => rule.effect !== 'allow')),
    udp: udpDestinationsOf(document.rules),
    privateRanges: ranges,
  }
  return assemble([layer], {
    tls: document.tls,
    onLogFailure: document.onLogFailure,
    insight: document.insight,
    unsaid: document.unsaid,
    digest: sha256(canonicalText(document)),
  })
}

/** The same policy in another mode (`--mode`), with a digest of its own. */
export function withMode(policy: Policy, mode: Mode): Policy {
  if (policy.layers.every(layer => layer.mode === mode)) return policy
  const layers = policy.layers.map(layer => ({ ...layer, mode }))
  return assemble(layers, { ...policy, digest: sha256(`${policy.digest} mode ${mode}`) })
}

/** Most specific first; between equals the text decides, so that the rule which is named does not depend on the order either. */
export function rankRules(rules: readonly Rule[]): readonly RankedRule[] {
  return rules
    .map(rule => ({ rule, weight: weightOf(rule) }))
    .toSorted((a, b) => compareWeights(b.weight, a.weight) || compareTexts(a.rule, b.rule))
    .map(({ rule }, index) => ({
      rule,
      label: renderRule(rule),
      rank: index,
      scoped: isScoped(rule),
      namesHost: rule.host.kind === 'address' || !rule.host.labels.some(isGlob),
    }))
}

function compareTexts(a: Rule, b: Rule): number {
  return a.text === b.text ? 0 : a.text < b.text ? -1 : 1
}

/** How specific a rule is, the weightiest trait first: the host, the path, methods, ports, a limit. */
function weightOf(rule: Rule): readonly number[] {
  const { host, path, methods, ports } = rule
  const ofHost = host.kind === 'address' ? [1, host.cidr.prefix, 0] : weightOfParts(host.labels)
  const ofPath = path === undefined ? [-1, 0, 0] : weightOfParts(path)
  return [
    ...ofHost,
    ...ofPath,
    methods === undefined ? -Infinity : -methods.length,
    ports.from - ports.to,
    rule.scheme === 'any' ? 0 : 1,
    rule.maxRequestBytes === undefined ? -Infinity : -rule.maxRequestBytes,
  ]
}

/** Exact before patterned, then by literal characters, then by how few `**` there are. */
function weightOfParts(parts: readonly string[]): readonly number[] {
  const literal = parts.join('').replaceAll('*', '').length
  return [parts.some(isGlob) ? 0 : 1, literal, -parts.filter(part => part === '**').length]
}

function compareWeights(a: readonly number[], b: readonly number[]): number {
  for (const [index, weight] of a.entries()) {
    const other = b[index] ?? 0
    if (weight !== other) return weight < other ? -1 : 1
  }
  return 0
}

/** Everything that decides, and nothing else (no notes, comments or file names), as one line of JSON per part. */
function canonicalText(document: PolicyDocument): string {
  const rules = document.rules.map(rule => [rule.effect, rule.text, rule.maxRequestBytes ?? null])
  const lines = [
    ['tidegate policy 1', document.mode, document.onLogFailure, document.tls.inspect],
    ['extraCa', ...document.tls.extraCa],
    ['private', ...(document.private ?? []).map((cidr: Cidr) => renderCidr(cidr))],
    ...rules,
  ]
  // Only where there is some: the digests of other policies stay what they were.
  if (Object.keys(document.insight).length > 0) lines.push(['insight', JSON.stringify(document.insight)])
  return lines.map(line => JSON.stringify(line)).join('\n')
}
