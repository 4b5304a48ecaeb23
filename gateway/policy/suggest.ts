import { getDomain } from 'tldts'
import { countLine, noEvidence } from './suggest-evidence.ts'
import type { Observation } from './suggest-log.ts'
import { PathTree, sharedGrain, usualGrain } from './suggest-paths.ts'
import { type Endpoint, rulesOf, type SuggestedRule } from './suggest-rules.ts'
import { standingOf, type Target } from './suggest-standing.ts'

/** What `suggest` must know besides the logs. */
export interface SuggestKnowledge {
  /** The rule that forbids a name (known exfiltration services), if one does. */
  readonly forbiddenBy: (host: string) => string | undefined
  /** Can anyone have an account behind names like this one? */
  readonly isShared: (host: string) => boolean
  /** False: every name stands for itself. */
  readonly wildcards: boolean
}

/** The smallest policy for what was seen. */
export interface Suggestion {
  readonly rules: readonly SuggestedRule[]
  /** Addresses for `private:`, each with the names that resolved to it. */
  readonly private: readonly { readonly range: string; readonly hosts: readonly string[] }[]
  /** What was seen and is not opened, grouped by why. */
  readonly heldBack: readonly { readonly why: string; readonly rules: readonly SuggestedRule[] }[]
  /** Names that were asked for in DNS and never connected to. */
  readonly onlyAsked: readonly string[]
  /** Names whose client refused the gateway's certificate: pinned clients need a `tls://` rule. */
  readonly refusedCertificate: readonly string[]
  /** Flows that name no host and port, or a protocol that no rule opens (ICMP and the like). */
  readonly unplaced: number
  /** Lines read. */
  readonly lines: number
  /** Flows beyond the bounds, which no rule covers. */
  readonly overflow: number
}

/** Different endpoints, and different names, that are told apart. */
const most = 20_000

/** Gathers what logs show, in bounded memory, and makes the smallest policy of it. Pure: no clock, no I/O. */
export class Suggester {
  readonly #knowledge: SuggestKnowledge
  readonly #open = new Map<string, Endpoint>()
  readonly #held = new Map<string, Map<string, Endpoint>>()
  readonly #asked = new Set<string>()
  readonly #reached = new Set<string>()
  readonly #floods = new Set<string>()
  readonly #private = new Map<string, Set<string>>()
  readonly #pinned = new Set<string>()
  #unplaced = 0
  #endpoints = 0
  #lines = 0
  #overflow = 0

  constructor(knowledge: SuggestKnowledge) {
    this.#knowledge = knowledge
  }

  /** Takes one line of a log. */
  add(line: Observation): void {
    this.#lines += 1
    if (line.layer === 'dns') {
      if (line.host !== undefined && this.#asked.size < most) this.#asked.add(line.host)
      if (line.reason === 'dns-budget' && line.host !== undefined) this.#floods.add(ownerOf(line.host))
      return
    }
    if (line.error === 'CLIENT_REFUSED_CA' && line.host !== undefined && this.#pinned.size < most)
      this.#pinned.add(line.host)
    const standing = standingOf(line)
    if (standing === undefined) {
      if (isFlow(line)) this.#unplaced += 1
      return
    }
    if (line.host !== undefined && this.#reached.size < most) this.#reached.add(line.host)
    const group = standing.why === undefined ? this.#open : this.#heldFor(standing.why)
    this.#count(group, standing.target, line)
    if (standing.why !== undefined || standing.privateAddress === undefined) return
    const hosts = this.#private.get(standing.privateAddress) ?? new Set()
    if (this.#private.size < most) this.#private.set(standing.privateAddress, hosts)
    if (hosts.size < 8) hosts.add(standing.target.host)
  }

  /** The policy for everything added so far. */
  suggestion(): Suggestion {
    const open = new Map(this.#open)
    const held = new Map([...this.#held].map(([why, endpoints]) => [why, [...endpoints.values()]]))
    for (const [key, endpoint] of open) {
      const why = this.#suspicion(endpoint.target.host)
      if (why === undefined) continue
      open.delete(key)
      held.set(why, [...(held.get(why) ?? []), endpoint])
    }
    const opened = new Set([...open.values()].map(({ target }) => target.host))
    return {
      rules: rulesOf([...open.values()], this.#knowledge.isShared, this.#knowledge.wildcards),
      private: [...this.#private]
        .map(([range, hosts]) => ({ range, hosts: [...hosts].filter(host => opened.has(host)).toSorted() }))
        .filter(({ hosts }) => hosts.length > 0)
        .toSorted((a, b) => (a.range < b.range ? -1 : 1)),
      heldBack: [...held]
        .map(([why, endpoints]) => ({ why, rules: rulesOf(endpoints, this.#knowledge.isShared, false) }))
        .toSorted((a, b) => (a.why < b.why ? -1 : 1)),
      onlyAsked: [...this.#asked].filter(host => !this.#reached.has(host)).toSorted(),
      refusedCertificate: [...this.#pinned].toSorted(),
      unplaced: this.#unplaced,
      lines: this.#lines,
      overflow: this.#overflow,
    }
  }

  #suspicion(host: string): string | undefined {
    const rule = this.#knowledge.forbiddenBy(host)
    if (rule !== undefined) return `the host is known for exfiltration (${rule})`
    return this.#floods.has(ownerOf(host))
      ? 'names below the same domain were asked for as a DNS tunnel does (dns-budget)'
      : undefined
  }

  #heldFor(why: string): Map<string, Endpoint> {
    const group = this.#held.get(why) ?? new Map<string, Endpoint>()
    this.#held.set(why, group)
    return group
  }

  #count(group: Map<string, Endpoint>, target: Target, line: Observation): void {
    const key = `${target.scheme} ${target.host} ${target.port}`
    let endpoint = group.get(key)
    if (endpoint === undefined) {
      if (this.#endpoints >= most) {
        this.#overflow += 1
        return
      }
      this.#endpoints += 1
      endpoint = {
        target: { scheme: target.scheme, host: target.host, port: target.port },
        trees: new Map(),
        evidence: noEvidence(),
      }
      group.set(key, endpoint)
    }
    countLine(endpoint.evidence, line)
    if (target.path === undefined) return
    const evidence = noEvidence()
    countLine(evidence, line)
    const method = target.method ?? ''
    const tree =
      endpoint.trees.get(method) ?? new PathTree(this.#knowledge.isShared(target.host) ? sharedGrain : usualGrain)
    endpoint.trees.set(method, tree)
    tree.add(target.path, evidence)
  }
}

function isFlow(line: Observation): boolean {
  return line.layer !== 'job' && line.layer !== 'file' && line.error !== 'CLIENT_REFUSED_CA'
}

/** The registered domain, where each tenant of a shared one is its own. */
function ownerOf(host: string): string {
  return getDomain(host, { allowPrivateDomains: true }) ?? host
}
