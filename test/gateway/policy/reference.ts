import { isAddress } from '../../../gateway/net/address.ts'
import { contains, renderCidr } from '../../../gateway/net/cidr.ts'
import { loosePath } from '../../../gateway/net/path.ts'
import type { Decision, Destination, Host } from '../../../gateway/policy/decision.ts'
import { rankRules } from '../../../gateway/policy/compile.ts'
import { parsePolicyDocument } from '../../../gateway/policy/document-parse.ts'
import { matchesParts } from '../../../gateway/policy/match-parts.ts'
import { isMetadata, neverDialled } from '../../../gateway/policy/ranges.ts'
import type { RankedRule } from '../../../gateway/policy/rule-index.ts'
import { isWholeName } from '../../../gateway/policy/rule.ts'
import type { Lists } from './sample.ts'

/** What a decision comes down to. */
export type Bare = Pick<Decision, 'verdict' | 'reason' | 'rule'>

type Request = Extract<Destination, { kind: 'request' }>

/**
 * `decide()` said again, as slowly and plainly as it can be: no index, nothing remembered, every rule looked at by every
 * question, lists made for everything. For comparison.
 */
export function decideSlowly(lists: Lists, to: Destination): Bare {
  const document = parsePolicyDocument(
    JSON.stringify({ version: 1, mode: 'block', ...lists }),
    'policy.yaml',
    () => undefined,
  )
  const host = to.kind === 'address' ? to.address : to.host
  if (to.kind !== 'name' && isAddress(host) && neverDialled(host))
    return { verdict: 'deny', reason: 'private-address', rule: null }
  const atHost = rankRules(document.rules).filter(ranked => isAbout(ranked, host))
  const refusing = atHost.filter(({ rule }) => rule.effect !== 'allow')
  const allowing = atHost.filter(ranked => ranked.rule.effect === 'allow' && opens(ranked, host))
  const bare = judge(refusing, allowing, to)
  const isObserved = document.mode === 'audit' && bare.verdict === 'deny' && bare.reason !== 'forbidden'
  return isObserved ? { ...bare, verdict: 'observe' } : bare
}

function judge(refusing: readonly RankedRule[], allowing: readonly RankedRule[], to: Destination): Bare {
  switch (to.kind) {
    case 'name': {
      const whole = refusing.filter(({ rule }) => isWholeName(rule))
      return refused(whole) ?? allowed(allowing) ?? unknown(to.host)
    }
    case 'endpoint':
    case 'address': {
      const here = ({ rule }: RankedRule): boolean =>
        (rule.scheme === 'any' || (rule.scheme === 'udp') === (to.transport === 'udp')) && isAt(rule, to.port)
      const whole = refusing.filter(ranked => here(ranked) && !ranked.scoped)
      return refused(whole) ?? allowed(allowing.filter(here)) ?? unknown(to.kind === 'address' ? to.address : to.host)
    }
    case 'request':
      return judgeRequest(refusing, allowing, to)
    default:
      return to satisfies never
  }
}

function judgeRequest(refusing: readonly RankedRule[], allowing: readonly RankedRule[], to: Request): Bare {
  const hasMethod = ({ rule }: RankedRule): boolean => rule.methods?.includes(to.method) ?? true
  const met = refusing.filter(
    ranked =>
      isAt(ranked.rule, to.port) &&
      (ranked.rule.methods?.includes(to.method.toUpperCase()) ?? true) &&
      (isOnPath(ranked, to.path) || isOnPath(ranked, loosePath(to.path))) &&
      (ranked.scoped ? reads[to.scheme].includes(ranked.rule.scheme) : ranked.rule.scheme !== 'udp'),
  )
  const atPort = allowing.filter(({ rule }) => isAt(rule, to.port) && rule.scheme !== 'udp')
  const admitting = atPort.filter(({ rule }) => admits[to.scheme].includes(rule.scheme))
  const onPath = admitting.filter(ranked => isOnPath(ranked, to.path))
  const decided = refused(met) ?? allowed(onPath.filter(hasMethod))
  if (decided !== undefined) return decided
  const [path, place, port] = [first(onPath), first(admitting), first(atPort)]
  if (path !== undefined) return { verdict: 'deny', reason: 'method', rule: path.label }
  if (place !== undefined) return { verdict: 'deny', reason: 'path', rule: place.label }
  if (port === undefined) return unknown(to.host)
  const upgrades =
    (to.scheme === 'wss' && port.rule.scheme === 'https') || (to.scheme === 'ws' && port.rule.scheme === 'http')
  return { verdict: 'deny', reason: upgrades ? 'upgrade' : 'protocol', rule: port.label }
}

const admits: Readonly<Record<Request['scheme'], readonly string[]>> = {
  https: ['https', 'tls', 'tcp'],
  wss: ['wss', 'tls', 'tcp'],
  http: ['http', 'tcp'],
  ws: ['ws', 'tcp'],
}

const reads: Readonly<Record<Request['scheme'], readonly string[]>> = {
  https: ['https'],
  wss: ['wss', 'https'],
  http: ['http'],
  ws: ['ws', 'http'],
}

function isAbout({ rule }: RankedRule, host: Host): boolean {
  if (rule.host.kind === 'name') return !isAddress(host) && matchesParts(rule.host.labels, host.split('.'), false)
  return isAddress(host) && contains(rule.host.cidr, host)
}

function opens({ rule }: RankedRule, host: Host): boolean {
  return rule.host.kind === 'name' || !isAddress(host) || !isMetadata(host) || renderCidr(rule.host.cidr) === host
}

function isOnPath({ rule }: RankedRule, path: string): boolean {
  return rule.path === undefined || matchesParts(rule.path, path.slice(1).split('/'), true)
}

function isAt({ ports }: RankedRule['rule'], port: number): boolean {
  return ports.from <= port && port <= ports.to
}

function first(rules: readonly RankedRule[]): RankedRule | undefined {
  return rules.toSorted((a, b) => a.rank - b.rank)[0]
}

function refused(rules: readonly RankedRule[]): Bare | undefined {
  const forbidding = first(rules.filter(({ rule }) => rule.effect === 'forbid'))
  if (forbidding !== undefined) return { verdict: 'deny', reason: 'forbidden', rule: forbidding.label }
  const denying = first(rules)
  return denying === undefined ? undefined : { verdict: 'deny', reason: 'denied-by-rule', rule: denying.label }
}

function allowed(rules: readonly RankedRule[]): Bare | undefined {
  const rule = first(rules)
  return rule === undefined ? undefined : { verdict: 'allow', reason: 'rule', rule: rule.label }
}

function unknown(host: Host): Bare {
  return { verdict: 'deny', reason: isAddress(host) ? 'address-literal' : 'no-rule', rule: null }
}
