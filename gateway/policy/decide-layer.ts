import { isAddress } from '../net/address.ts'
import { renderCidr } from '../net/cidr.ts'
import { loosePath } from '../net/path.ts'
import { carriageOf, noCarriage, rawCarriage } from './carriage.ts'
import type { Carriage, DenyReason, Destination, Host, Scheme } from './decision.ts'
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
  const refusing = layer.refusing
    .find(host)
    .endpoints()
    .filter(({ rule }) => isWholeName(rule))
  if (refusing.length > 0) return refused(refusing)
  const rule = first(layer.allowing.find(host).endpoints())
  return rule === undefined ? unknown(host) : { allow: true, rule, carriage: noCarriage }
}

function decideEndpoint(layer: Layer, { transport, port }: Endpoint, host: Host): LayerAnswer {
  const here = ({ rule }: RankedRule): boolean =>
    (rule.scheme === 'any' || (rule.scheme === 'udp') === (transport === 'udp')) && inRange(rule.ports, port)
  const refusing = layer.refusing.find(host).endpoints().filter(here)
  const whole = refusing.filter(ranked => !ranked.scoped)
  if (whole.length > 0) return { ...refused(whole), pending: refusing }
  const allowing = layer.allowing
    .find(host)
    .endpoints()
    .filter(ranked => here(ranked) && opens(ranked, host))
  const rule = first(allowing)
  if (rule === undefined) return { ...unknown(host), pending: refusing }
  return {
    allow: true,
    rule,
    carriage: transport === 'udp' ? rawCarriage : carriageOf(allowing, refusing, layer.inspect),
  }
}

function decideRequest(layer: Layer, request: Request): LayerAnswer {
  const { host, port, method, path, scheme } = request
  const here = ({ rule }: RankedRule): boolean => inRange(rule.ports, port)
  const hasMethod = ({ rule }: RankedRule): boolean => rule.methods?.includes(method) ?? true

  const refusing = layer.refusing.find(host)
  const loose = loosePath(path)
  const onPath = loose === path ? refusing.requests(path) : [...refusing.requests(path), ...refusing.requests(loose)]
  const met = onPath.filter(ranked => here(ranked) && hasMethod(ranked) && refuses(ranked, scheme))
  if (met.length > 0) return refused(met)

  const allowing = layer.allowing.find(host)
  const carriage =
    scheme === 'https' || scheme === 'wss' ? { ...noCarriage, inspectTls: true } : { ...noCarriage, http: true }
  const admitted = (ranked: RankedRule): boolean =>
    here(ranked) && opens(ranked, host) && admits[scheme].includes(ranked.rule.scheme)
  const withPath = allowing.requests(path).filter(admitted)
  const rule = first(withPath.filter(hasMethod))
  if (rule !== undefined) return { allow: true, rule, carriage }

  // Nothing allows it: say what is nearest to it.
  const otherMethod = first(withPath)
  if (otherMethod !== undefined) return { allow: false, reason: 'method', rule: otherMethod, pending: [] }
  const atHost = allowing
    .endpoints()
    .filter(ranked => here(ranked) && opens(ranked, host) && ranked.rule.scheme !== 'udp')
  const otherPath = first(atHost.filter(admitted))
  if (otherPath !== undefined) return { allow: false, reason: 'path', rule: otherPath, pending: [] }
  const other = first(atHost)
  if (other === undefined) return unknown(host)
  const upgrades =
    (scheme === 'wss' && other.rule.scheme === 'https') || (scheme === 'ws' && other.rule.scheme === 'http')
  return { allow: false, reason: upgrades ? 'upgrade' : 'protocol', rule: other, pending: [] }
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

function refused(matching: readonly RankedRule[]): Refusal {
  const forbidding = first(matching.filter(({ rule }) => rule.effect === 'forbid'))
  return forbidding === undefined
    ? { allow: false, reason: 'denied-by-rule', rule: first(matching), pending: [] }
    : { allow: false, reason: 'forbidden', rule: forbidding, pending: [] }
}

function unknown(host: Host): Refusal {
  return { allow: false, reason: isAddress(host) ? 'address-literal' : 'no-rule', rule: undefined, pending: [] }
}

/** The most specific rule. */
function first(ranked: readonly RankedRule[]): RankedRule | undefined {
  let best: RankedRule | undefined
  for (const one of ranked) if (best === undefined || one.rank < best.rank) best = one
  return best
}
