import { isAddress } from '../net/address.ts'
import { renderCidr } from '../net/cidr.ts'
import { loosePath } from '../net/path.ts'
import { carriageOf, httpCarriage, inspectedCarriage, noCarriage, rawCarriage } from './carriage.ts'
import type { Carriage, Carried, DenyReason, Destination, Host, Scheme } from './decision.ts'
import { unreachable } from '../errors.ts'
import type { Layer } from './policy.ts'
import { isMetadata } from './ranges.ts'
import type { RankedRule } from './rule-index.ts'
import { isWholeName } from './rule.ts'

/** What one layer says, before its mode turns a refusal into an observation. */
export type LayerAnswer = { readonly allow: true; readonly rule: RankedRule; readonly carriage: Carriage } | Refusal

/** A refusal by rule, or for want of one. */
export interface Refusal {
  readonly allow: false
  readonly reason: DenyReason
  readonly rule: RankedRule | undefined
  /** Refusing rules of this endpoint, of which the scoped ones must still be looked for in each request. */
  readonly pending: readonly RankedRule[]
}

type Endpoint = Extract<Destination, { kind: 'endpoint' | 'address' }>
type Request = Extract<Destination, { kind: 'request' }>

/** Decides one flow by the rules of one layer: `forbid` beats `deny` beats `allow`; nothing matching refuses. */
export function decideLayer(layer: Layer, destination: Destination): LayerAnswer {
  switch (destination.kind) {
    case 'name':
      return decideName(layer, destination.host)
    case 'endpoint':
      return decideEndpoint(layer, destination, destination.host)
    case 'address':
      return decideEndpoint(layer, destination, destination.address)
    case 'request':
      return decideRequest(layer, destination)
    default:
      return unreachable(destination)
  }
}

/** A name may be asked for when some rule could allow something at it, and no rule refuses the name as a whole. */
function decideName(layer: Layer, host: Host): LayerAnswer {
  const refusing = strongest(layer.refusing.find(host).endpoints(), ({ rule }) => isWholeName(rule))
  if (refusing !== undefined) return refused(refusing)
  const rule = first(layer.allowing.find(host).endpoints(), () => true)
  return rule === undefined ? unknown(host) : { allow: true, rule, carriage: noCarriage }
}

function decideEndpoint(layer: Layer, { transport, port, carried }: Endpoint, host: Host): LayerAnswer {
  const here = ({ rule }: RankedRule): boolean =>
    (rule.scheme === 'any' || (rule.scheme === 'udp') === (transport === 'udp')) && inRange(rule.ports, port)
  const refusing = layer.refusing.find(host).endpoints().filter(here)
  const whole = strongest(refusing, ranked => !ranked.scoped)
  if (whole !== undefined) return { ...refused(whole), pending: refusing }
  const allowing = layer.allowing
    .find(host)
    .endpoints()
    .filter(ranked => here(ranked) && opens(ranked, host))
  const rule = carryingRule(allowing, carried) ?? first(allowing, () => true)
  if (rule === undefined) return { ...unknown(host), pending: refusing }
  return {
    allow: true,
    rule,
    carriage: transport === 'udp' ? rawCarriage : carriageOf(allowing, refusing, layer.inspect),
  }
}

/** Runs once per request of a proxy: looks at the path only where a rule does, and makes no lists in the usual case. */
function decideRequest(layer: Layer, request: Request): LayerAnswer {
  const { host, port, method, path, scheme } = request
  const here = ({ rule }: RankedRule): boolean => inRange(rule.ports, port)
  const hasMethod = ({ rule }: RankedRule): boolean => rule.methods?.includes(method) ?? true

  const refusing = layer.refusing.find(host)
  // Some servers take methods in any case. Those that do not refuse it, so nothing is lost by refusing more.
  const refusesMethod = ({ rule }: RankedRule): boolean => rule.methods?.includes(method.toUpperCase()) ?? true
  const meets = (ranked: RankedRule): boolean => here(ranked) && refusesMethod(ranked) && refuses(ranked, scheme)
  const met = strongest(refusing.requests(path), meets)
  // A `forbid` on the loose path beats a `deny` on the path itself.
  const loose = refusing.readsPaths ? loosePath(path) : path
  const metLoosely = loose === path ? undefined : strongest(refusing.requests(loose), meets)
  const refusal = stronger(met, metLoosely)
  if (refusal !== undefined) return refused(refusal)

  const allowing = layer.allowing.find(host)
  const admitted = (ranked: RankedRule): boolean =>
    here(ranked) && admits[scheme].includes(ranked.rule.scheme) && opens(ranked, host)
  const withPath = allowing.requests(path)
  const rule = first(withPath, ranked => admitted(ranked) && hasMethod(ranked))
  if (rule !== undefined) return { allow: true, rule, carriage: carriageOfRequest(scheme) }

  // Nothing allows it: say what is nearest to it.
  const otherMethod = first(withPath, admitted)
  if (otherMethod !== undefined) return { allow: false, reason: 'method', rule: otherMethod, pending: [] }
  const atHost = allowing
    .endpoints()
    .filter(ranked => here(ranked) && opens(ranked, host) && ranked.rule.scheme !== 'udp')
  const otherPath = first(atHost, admitted)
  if (otherPath !== undefined) return { allow: false, reason: 'path', rule: otherPath, pending: [] }
  const other = first(atHost, () => true)
  if (other === undefined) return unknown(host)
  const upgrades =
    (scheme === 'wss' && other.rule.scheme === 'https') || (scheme === 'ws' && other.rule.scheme === 'http')
  return { allow: false, reason: upgrades ? 'upgrade' : 'protocol', rule: other, pending: [] }
}

/** How a request is carried that was read to be decided. */
export function carriageOfRequest(scheme: Request['scheme']): Carriage {
  return scheme === 'https' || scheme === 'wss' ? inspectedCarriage : httpCarriage
}

/** The rule by which a connection is carried unread: one for just that, or one for HTTPS that is not inspected. */
function carryingRule(allowing: readonly RankedRule[], carried: Carried | undefined): RankedRule | undefined {
  if (carried === undefined) return undefined
  const just = carried === 'tls' ? 'tls' : 'tcp'
  const rule = first(allowing, ranked => ranked.rule.scheme === just)
  return (
    rule ??
    (carried === 'tls' ? first(allowing, ({ rule: { scheme } }) => scheme === 'https' || scheme === 'wss') : rule)
  )
}

/** Which rules admit a request: those of its own scheme, and those that pass its bytes unread. */
const admits: Readonly<Record<Request['scheme'], readonly (Scheme | 'any')[]>> = {
  https: ['https', 'tls', 'tcp'],
  wss: ['wss', 'tls', 'tcp'],
  http: ['http', 'tcp'],
  ws: ['ws', 'tcp'],
}

/** A refusing rule on a whole endpoint refuses all in it; one on a part also covers upgrades, which begin as requests. */
function refuses({ rule, scoped }: RankedRule, scheme: Request['scheme']): boolean {
  if (!scoped) return rule.scheme !== 'udp'
  return (
    rule.scheme === scheme ||
    (rule.scheme === 'https' && scheme === 'wss') ||
    (rule.scheme === 'http' && scheme === 'ws')
  )
}

/** A metadata address is opened only by a rule that names it alone, never by a block around it. */
function opens({ rule }: RankedRule, host: Host): boolean {
  return rule.host.kind === 'name' || !isAddress(host) || !isMetadata(host) || renderCidr(rule.host.cidr) === host
}

function inRange({ from, to }: { readonly from: number; readonly to: number }, port: number): boolean {
  return from <= port && port <= to
}

function refused(rule: RankedRule): Refusal {
  return { allow: false, reason: rule.rule.effect === 'forbid' ? 'forbidden' : 'denied-by-rule', rule, pending: [] }
}

function unknown(host: Host): Refusal {
  return { allow: false, reason: isAddress(host) ? 'address-literal' : 'no-rule', rule: undefined, pending: [] }
}

/** The most specific rule that fits. */
function first(rules: readonly RankedRule[], fits: (ranked: RankedRule) => boolean): RankedRule | undefined {
  let best: RankedRule | undefined
  for (const one of rules) if ((best === undefined || one.rank < best.rank) && fits(one)) best = one
  return best
}

/** The refusing rule that fits and is named: a `forbid` before a `deny`, then the most specific. */
function strongest(rules: readonly RankedRule[], fits: (ranked: RankedRule) => boolean): RankedRule | undefined {
  let best: RankedRule | undefined
  for (const one of rules) if (fits(one)) best = stronger(best, one)
  return best
}

function stronger(a: RankedRule | undefined, b: RankedRule | undefined): RankedRule | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const forbids = a.rule.effect === 'forbid'
  if (forbids !== (b.rule.effect === 'forbid')) return forbids ? a : b
  return b.rank < a.rank ? b : a
}
