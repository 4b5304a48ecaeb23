import { hostText } from './detect/location.ts'
import { absorbEvidence, type Evidence, noEvidence } from './suggest-evidence.ts'
import { groupHosts } from './suggest-hosts.ts'
import { PathTree, usualGrain } from './suggest-paths.ts'
import { asRegistry } from './suggest-registry.ts'
import type { Target } from './suggest-standing.ts'

/** One line of the policy, and what was seen that calls for it. */
export interface SuggestedRule {
  readonly rule: string
  readonly evidence: Evidence
  /** What a reader should know before taking it. */
  readonly remark?: string
}

/** One scheme, host and port, and what was seen of it: paths by method where it speaks HTTP. */
export interface Endpoint {
  readonly target: Target
  readonly trees: Map<string, PathTree>
  readonly evidence: Evidence
}

/**
 * The rules for these endpoints, sorted by target. `isShared` names stand for themselves; others that rotate are put together. Pure.
 */
export function rulesOf(
  endpoints: readonly Endpoint[],
  isShared: (host: string) => boolean,
  wildcards: boolean,
): readonly SuggestedRule[] {
  const groups = Map.groupBy(endpoints, ({ target }) => `${target.scheme} ${target.port}`)
  return [...groups.values()]
    .flatMap(members => {
      const byHost = Map.groupBy(members, ({ target }) => target.host)
      return groupHosts([...byHost.keys()], host => !wildcards || isShared(host)).flatMap(({ pattern, hosts }) =>
        rulesFor(
          pattern,
          hosts.flatMap(host => byHost.get(host) ?? []),
          isShared,
        ),
      )
    })
    .toSorted((a, b) => (sortKey(a.rule) < sortKey(b.rule) ? -1 : 1))
}

function rulesFor(pattern: string, members: readonly Endpoint[], isShared: (host: string) => boolean): SuggestedRule[] {
  const first = members[0]
  if (first === undefined) return []
  const { scheme, port } = first.target
  const isWeb = scheme === 'https' || scheme === 'http'
  const isSocket = scheme === 'wss' || scheme === 'ws'
  const usual = { https: 443, wss: 443, tls: 443, http: 80, ws: 80, tcp: undefined, udp: undefined }[scheme]
  const host = hostText(pattern)
  const origin = `${scheme}://${host}${port === usual ? '' : `:${port}`}`
  const remark = remarkOf(pattern, members.length, isShared(first.target.host), scheme)
  const noted = remark === undefined ? {} : { remark }
  if (!isWeb && !isSocket) {
    const evidence = noEvidence()
    for (const member of members) absorbEvidence(evidence, member.evidence)
    return [{ rule: origin, evidence, ...noted }]
  }
  const byPattern = new Map<string, { methods: string[]; evidence: Evidence; remark?: string }>()
  for (const [method, tree] of mergedTrees(members)) {
    const patterns = tree.patterns()
    const isReading = method === 'GET' || method === 'HEAD'
    const registry = isReading && !isShared(first.target.host) ? asRegistry(patterns) : undefined
    for (const path of registry === undefined ? patterns : [registry]) {
      const entry = byPattern.get(path.pattern) ?? { methods: [], evidence: noEvidence(), ...noted }
      entry.methods.push(method)
      absorbEvidence(entry.evidence, path.evidence)
      if (registry !== undefined) entry.remark ??= 'an npm registry: all its packages, read-only'
      byPattern.set(path.pattern, entry)
    }
  }
  return [...byPattern].map(([path, { methods, ...seen }]) => ({
    rule: isSocket ? `${origin}${path}` : `${methods.toSorted().join(',')} ${origin}${path}`,
    ...seen,
  }))
}

function mergedTrees(members: readonly Endpoint[]): ReadonlyMap<string, PathTree> {
  const [first] = members
  if (first !== undefined && members.length === 1) return first.trees
  const merged = new Map<string, PathTree>()
  for (const { trees } of members) {
    for (const [method, tree] of trees) {
      const into = merged.get(method) ?? new PathTree(usualGrain)
      into.absorb(tree)
      merged.set(method, into)
    }
  }
  return merged
}

function remarkOf(pattern: string, hosts: number, isShared: boolean, scheme: Target['scheme']): string | undefined {
  if (pattern.includes('*')) return `stands for ${hosts} names that were seen`
  if (scheme === 'tcp' || scheme === 'udp') return 'raw: what is said inside is not seen'
  if (scheme === 'tls') return 'not inspected: only the name is checked'
  return isShared ? 'anyone can have an account behind this name: keep the path narrow' : undefined
}

/** By host and path; between equals by the whole text, so that the order of a log never shows. */
function sortKey(rule: string): string {
  return `${rule.replace(/^[A-Z_,-]+ /, '').replace(/^[a-z]+:\/\//, '')} ${rule}`
}
