import { leastGrants } from './least.ts'
import type { Grants, Need } from './need.ts'
import type { TokenUses, Use, UsesCollector } from './token-uses.ts'

/** The least that a token needs for what it was used for. */
export interface TokenPermissions {
  readonly id: string
  readonly home: TokenUses['home']
  readonly job: string
  readonly variable: string | undefined
  readonly requests: number
  /** By name, sorted. */
  readonly permissions: Grants
  /** What was asked for that no table says the needs of: `METHOD /path/template`, sorted. */
  readonly unknown: readonly string[]
  /** What each permission is for: deeds with their counts, by permission. */
  readonly evidence: ReadonlyMap<string, readonly string[]>
  /** Read without need, as it was also read without a token. */
  readonly free: readonly string[]
  readonly refused: readonly string[]
}

/** What the tokens of a log need at least. */
export function tokenPermissions(collected: UsesCollector): readonly TokenPermissions[] {
  return collected.tokens().map(token => permissionsOf(token, collected))
}

function permissionsOf(token: TokenUses, collected: UsesCollector): TokenPermissions {
  const { id, home, job, variable, requests, refused } = token
  const uses = [...token.uses.values()]
  const free = uses.filter(use => collected.isFree(use))
  const needed = uses.filter(use => !free.includes(use))
  const permissions = sorted(leastGrants(needed.flatMap(({ need }) => ('anyOf' in need ? [need.anyOf] : []))))
  const unknown = new Set(needed.flatMap(({ need }) => ('unknown' in need ? [need.unknown] : [])))
  const evidence = new Map(Object.keys(permissions).map(name => [name, deedsFor(name, needed)]))
  return {
    id,
    home,
    job,
    variable,
    requests,
    permissions,
    unknown: [...unknown].toSorted(),
    evidence,
    free: counted(free),
    refused: [...refused].map(([deed, count]) => times(deed, count)),
  }
}

function deedsFor(permission: string, uses: readonly Use[]): readonly string[] {
  return counted(uses.filter(({ need }) => 'anyOf' in need && need.anyOf.some(set => Object.hasOwn(set, permission))))
}

function counted(uses: readonly Use[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { deed, need, count } of uses) {
    const text = `${deed}${alternatives(need)}`
    counts.set(text, (counts.get(text) ?? 0) + count)
  }
  return [...counts].map(([deed, count]) => times(deed, count))
}

/** Where one of several is enough, which: it may depend on what is not in a log, as whether an issue is a pull request. */
function alternatives(need: Need): string {
  if (!('anyOf' in need) || need.anyOf.length < 2) return ''
  const sets = need.anyOf.map(set =>
    Object.entries(set)
      .map(([name, access]) => `${name}: ${access}`)
      .join(' and '),
  )
  return ` (by ${sets.join(' or ')})`
}

function times(deed: string, count: number): string {
  return count === 1 ? deed : `${deed}, ${count} times`
}

function sorted(grants: Grants): Grants {
  return Object.fromEntries(Object.entries(grants).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
