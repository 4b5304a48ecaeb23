import { type Address, familyOf, isAddress } from '../net/address.ts'
import { blockOf, type Cidr } from '../net/cidr.ts'
import type { Host } from './decision.ts'
import { pathSegments, reversedLabels } from './match.ts'
import { PatternTrie } from './match-trie.ts'
import type { Rule } from './rule.ts'

/** A rule ready to be looked up. */
export interface RankedRule {
  readonly rule: Rule
  /** Text and place, as decisions name it. */
  readonly label: string
  /** Order by how specific a rule is, then by its text; the smallest is named and gives the limits. */
  readonly rank: number
  readonly scoped: boolean
}

/** What is kept for one host pattern. */
interface HostRules {
  /** One rule for each distinct kind of endpoint: enough to decide names and endpoints, however many paths there are. */
  readonly endpoints: Map<string, RankedRule>
  readonly requests: PatternTrie<RankedRule[]>
}

/** The rules that speak of one host, found without looking at the others. */
export interface HostMatch {
  /** For names and endpoints; for refusals of requests, the nearest rules. */
  endpoints(): readonly RankedRule[]
  /** The rules whose path matches, of any method, scheme and port. */
  requests(path: string): readonly RankedRule[]
}

/** Rules by host and path. Built once; look-ups cost by the length of host and path, not by the number of rules. */
export class RuleIndex {
  readonly #names = new PatternTrie<HostRules>({ manyMayBeNone: false, empty: hostRules })
  /** Prefix length → base of the block → rules: a look-up takes one step for each length in use. */
  readonly #blocks: Readonly<Record<4 | 6, Map<number, Map<Address, HostRules>>>> = { 4: new Map(), 6: new Map() }

  constructor(rules: readonly RankedRule[]) {
    for (const ranked of rules) {
      const { rule, rank, scoped } = ranked
      const entry =
        rule.host.kind === 'name' ? this.#names.at(rule.host.labels.toReversed()) : this.#block(rule.host.cidr)
      const endpoint = [rule.effect, rule.scheme, rule.ports.from, rule.ports.to, scoped].join(' ')
      if (rank < (entry.endpoints.get(endpoint)?.rank ?? Infinity)) entry.endpoints.set(endpoint, ranked)
      entry.requests.at(rule.path ?? ['**']).push(ranked)
    }
  }

  /** The rules for a name or an address. */
  find(host: Host): HostMatch {
    const entries = isAddress(host) ? this.#blocksOf(host) : this.#names.matching(reversedLabels(host))
    return {
      endpoints: () => entries.flatMap(entry => [...entry.endpoints.values()]),
      requests: path => {
        const segments = pathSegments(path)
        return entries.flatMap(entry => entry.requests.matching(segments).flat())
      },
    }
  }

  #block({ base, prefix }: Cidr): HostRules {
    const byPrefix = this.#blocks[familyOf(base)]
    const byBase = byPrefix.get(prefix) ?? new Map<Address, HostRules>()
    byPrefix.set(prefix, byBase)
    const entry = byBase.get(base) ?? hostRules()
    byBase.set(base, entry)
    return entry
  }

  #blocksOf(address: Address): readonly HostRules[] {
    return [...this.#blocks[familyOf(address)]].flatMap(([prefix, byBase]) => {
      const entry = byBase.get(blockOf(address, prefix).base)
      return entry === undefined ? [] : [entry]
    })
  }
}

function hostRules(): HostRules {
  return { endpoints: new Map(), requests: new PatternTrie({ manyMayBeNone: true, empty: () => [] }) }
}
