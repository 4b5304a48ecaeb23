import { unreachable } from '../errors.ts'
import { type Address, isAddress } from '../net/address.ts'
import { auditCarriage, commonCarriage, noCarriage, rawCarriage } from './carriage.ts'
import type { Carriage, Decision, DenyReason, Destination } from './decision.ts'
import { carriageOfRequest, decideLayer, type Refusal } from './decide-layer.ts'
import type { Layer, Policy } from './policy.ts'
import type { RankedRule } from './rule-index.ts'

type Allowed = Extract<Decision, { verdict: 'allow' }>

/**
 * Decides one flow. DNS, the front door, HTTP and the packet filter all call this and nothing else.
 * Pure: no clock, no I/O, no state of its own. In this order:
 *
 * 1. An address that is never dialled (`Policy.neverDial`) is denied in both modes.
 * 2. `forbid` denies in both modes.
 * 3. `deny` beats `allow`; what no rule allows is refused; the order of rules never matters.
 * 4. Of several layers (the platform's policy and the job's, `narrow()`) each must let the flow pass; the strictest answer
 *    holds, and the first layer that denies is named.
 * 5. A layer in audit mode observes where it would deny.
 *
 * Of several matching rules the most specific is named and gives the limits; between equals, the first by its text.
 * A `name` that is allowed is allowed provisionally: its endpoint, and each request, are decided again.
 */
export function decide(policy: Policy, destination: Destination): Decision {
  const literal = literalOf(destination)
  if (literal !== undefined && policy.neverDial(literal)) return deny('private-address', null)
  let strictest: Decision | undefined
  for (const layer of policy.layers) {
    const decision = verdictOf(layer, destination)
    strictest = strictest === undefined ? decision : stricter(strictest, decision)
    if (strictest.verdict === 'deny') return strictest
  }
  return strictest ?? deny('no-rule', null)
}

function literalOf(destination: Destination): Address | undefined {
  if (destination.kind === 'address') return destination.address
  return destination.kind === 'request' && isAddress(destination.host) ? destination.host : undefined
}

function verdictOf(layer: Layer, destination: Destination): Decision {
  const answer = decideLayer(layer, destination)
  if (answer.allow) {
    const { rule, carriage } = answer
    const limit = destination.kind === 'request' ? rule.rule.maxRequestBytes : undefined
    return allow(named(layer, rule), rule.namesHost, carriage, limit)
  }
  const rule = answer.rule === undefined ? lack(layer) : named(layer, answer.rule)
  if (layer.mode === 'block' || answer.reason === 'forbidden') return deny(answer.reason, rule)
  return { verdict: 'observe', reason: answer.reason, rule, carriage: observed(layer, destination, answer) }
}

function observed(layer: Layer, destination: Destination, answer: Refusal): Carriage {
  switch (destination.kind) {
    case 'name':
      return noCarriage
    case 'request':
      return carriageOfRequest(destination.scheme)
    case 'endpoint':
    case 'address':
      return destination.transport === 'udp'
        ? rawCarriage
        : auditCarriage(
            answer.pending.filter(({ rule }) => rule.effect === 'forbid'),
            layer.inspect,
          )
    default:
      return unreachable(destination)
  }
}

/** The answer that both layers can live with. */
function stricter(a: Decision, b: Decision): Decision {
  if (a.verdict === 'deny') return a
  if (b.verdict === 'deny') return b
  const isPlace = a.carriage !== noCarriage
  const carriage = isPlace ? commonCarriage(a.carriage, b.carriage) : noCarriage
  if (carriage === undefined) return deny('protocol', b.rule)
  if (a.verdict === 'observe') return { ...a, carriage }
  if (b.verdict === 'observe') return { ...b, carriage }
  const limit = Math.min(a.maxRequestBytes ?? Infinity, b.maxRequestBytes ?? Infinity)
  return allow(
    `${a.rule}; ${b.rule}`,
    // The platform's word alone: who could name hosts in the job's policy could name many, and tunnel by them (D5).
    a.namesHost === true,
    carriage,
    limit === Infinity ? undefined : limit,
  )
}

function named(layer: Layer, { label }: RankedRule): string {
  return layer.name === '' ? label : `${layer.name} ${label}`
}

/** For want of a rule: it need not be said which policy has none when it is the platform's. */
function lack(layer: Layer): string | null {
  return layer.name === '' ? null : `${layer.name} no rule`
}

/** Absent rather than undefined, and without spreading: that alone cost more than finding the rule. */
function allow(rule: string, namesHost: boolean, carriage: Carriage, limit: number | undefined): Decision {
  const decision: { -readonly [Key in keyof Allowed]: Allowed[Key] } = {
    verdict: 'allow',
    reason: 'rule',
    rule,
    carriage,
  }
  if (namesHost) decision.namesHost = true
  if (limit !== undefined) decision.maxRequestBytes = limit
  return decision
}

function deny(reason: DenyReason, rule: string | null): Decision {
  return { verdict: 'deny', reason, rule }
}
