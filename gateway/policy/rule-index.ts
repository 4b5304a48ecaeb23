import { type Address, familyOf, isAddress } from '../net/address.ts'
import { blockOf, type Cidr } from '../net/cidr.ts'
import type { Host } from './decision.ts'
import { reversedHost } from './match.ts'
import { PatternTrie } from './match-trie.ts'
import { Recent } from './recent.ts'
import type { Rule } from './rule.ts'

/** A rule ready to be looked up. */
export interface RankedRule {
  readonly rule: Rule
  /** Text and place, as decisions name it. */
  readonly label: string
  /** Order by how specific a rule is, then by its text; the smallest is named and gives the limits. */
  readonly rank: number
  readonly scoped: boolean
  /** It is about one host by name, or about addresses; no `*` stands in it. */
  readonly namesHost: boolean
}

/** What is kept for one host pattern. */
interface PatternRules {
  /** One rule for each distinct kind of endpoint: enough to decide names and endpoints, however many paths there are. */
  readonly endpoints: RankedRule[]
  /** Those kinds. */
  readonly kinds: Set<string>
  /** Rules on the whole host. */
  readonly anyPath: RankedRule[]
  /** Rules on some paths; undefined when there are none, so that nobody looks at a path for nothing. */
  paths: PatternTrie<RankedRule[]> | undefined
}

/** Hosts whose patterns are remembered; a job that asks for more makes look-ups slower and nothing bigger. */
const maxRemembered = 1_024

/**
 * Rules by host and path. Built once; look-ups cost by the length of host and path, not by the number of rules.
 * What was found for a host is remembered, which changes no answer.
 */
export class RuleIndex {
  readonly #names = new PatternTrie<PatternRules>({ manyMayBeNone: false, empty: patternRules })
  /** Prefix length → base of the block → rules: a look-up takes one step for each length in use. */
  readonly #blocks: Readonly<Record<4 | 6, Map<number, Map<Address, PatternRules>>>> = { 4: new Map(), 6: new Map() }
  readonly #remembered = new Recent<string, HostRules>(maxRemembered)

  constructor(rules: readonly RankedRule[]) {
    // The most specific first: of the rules of one kind it is the one to keep.
    for (const ranked of rules.toSorted((a, b) => a.rank - b.rank)) {
      const { rule, scoped } = ranked
      const entry =
        rule.host.kind === 'name' ? this.#names.at(rule.host.labels.toReversed()) : this.#block(rule.host.cidr)
      const kind = [rule.effect, rule.scheme, rule.ports.from, rule.ports.to, scoped].join(' ')
      if (!entry.kinds.has(kind)) entry.endpoints.push(ranked)
      entry.kinds.add(kind)
      if (rule.path === undefined) entry.anyPath.push(ranked)
      else (entry.paths ??= new PatternTrie({ manyMayBeNone: true, empty: () => [] })).at(rule.path).push(ranked)
    }
  }

  /** The rules for a name or an address. */
  find(host: Host): HostRules {
    const known = this.#remembered.get(host)
    if (known !== undefined) return known
    const entries = isAddress(host) ? this.#blocksOf(host) : this.#names.matching(reversedHost(host), '.')
    const found = entries.length === 0 ? noRules : new HostRules(entries)
    // A copy, as a slice would keep alive the whole text it was cut from.
    this.#remembered.set(Buffer.from(host, 'latin1').toString('latin1'), found)
    return found
  }

  #block({ base, prefix }: Cidr): PatternRules {
    const byPrefix = this.#blocks[familyOf(base)]
    const byBase = byPrefix.get(prefix) ?? new Map<Address, PatternRules>()
    byPrefix.set(prefix, byBase)
    const entry = byBase.get(base) ?? patternRules()
    byBase.set(base, entry)
    return entry
  }

  #blocksOf(address: Address): readonly PatternRules[] {
    return [...this.#blocks[familyOf(address)]].flatMap(([prefix, byBase]) => {
      const entry = byBase.get(blockOf(address, prefix).base)
      return entry === undefined ? [] : [entry]
    })
  }
}

/** The rules that speak of one host, found without looking at the others. In no particular order: ranks tell. */
export class HostRules {
  /** Some rule is about a part of the paths only. */
  readonly readsPaths: boolean
  readonly #entries: readonly PatternRules[]

  constructor(entries: readonly PatternRules[]) {
    this.#entries = entries
    this.readsPaths = entries.some(({ paths }) => paths !== undefined)
  }

  /** For names and endpoints; for refusals of requests, the nearest rules. */
  endpoints(): readonly RankedRule[] {
    const [only] = this.#entries
    return this.#entries.length < 2 ? (only?.endpoints ?? []) : this.#entries.flatMap(({ endpoints }) => endpoints)
  }

  /** The rules whose path matches, of any method, scheme and port. */
  requests(path: string): readonly RankedRule[] {
    const [only] = this.#entries
    if (!this.readsPaths && this.#entries.length < 2) return only?.anyPath ?? []
    const segments = path.slice(1)
    const found: RankedRule[] = []
    for (const { anyPath, paths } of this.#entries) {
      for (const ranked of anyPath) found.push(ranked)
      for (const matching of paths?.matching(segments, '/') ?? []) for (const ranked of matching) found.push(ranked)
    }
    return found
  }
}

const noRules = new HostRules([])

function patternRules(): PatternRules {
  return { endpoints: [], kinds: new Set(), anyPath: [], paths: undefined }
}
