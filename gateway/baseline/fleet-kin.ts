/** The hosts that each job is known to need. */
export type KnownHosts = ReadonlyMap<string, ReadonlySet<string>>

/** Jobs whose hosts are the same by this part or more, of all that either has, are of one kind. */
const kinship = 0.5

/**
 * The kind of each job of a fleet: two are of one kind when they need much the same hosts, which jobs of one repository or
 * one toolchain do. Hosts that every job needs say nothing. A job is compared with the first of each kind, in the order of
 * names, so that a row of small steps does not make all jobs one kind. Pure.
 */
export function kindsOf(known: KnownHosts): ReadonlyMap<string, number> {
  const needs = new Map<string, number>()
  for (const hosts of known.values()) for (const host of hosts) needs.set(host, (needs.get(host) ?? 0) + 1)
  const kinds = new Map<string, number>()
  const leaders: ReadonlySet<string>[] = []
  for (const job of [...known.keys()].toSorted()) {
    const telling = new Set([...(known.get(job) ?? [])].filter(host => needs.get(host) !== known.size))
    const kind = leaders.findIndex(leader => areKin(leader, telling))
    kinds.set(job, kind === -1 ? leaders.push(telling) - 1 : kind)
  }
  return kinds
}

/**
 * A host that all of these jobs need and none of the others that ran; undefined when there is none, or no others ran. What
 * comes from there could be what they have in common. Pure.
 */
export function onlyIn(jobs: readonly string[], ran: readonly string[], known: KnownHosts): string | undefined {
  const affected = new Set(jobs)
  const others = ran.filter(job => !affected.has(job))
  const [first, ...more] = jobs
  if (others.length === 0 || first === undefined) return undefined
  const needs = (job: string, host: string): boolean => known.get(job)?.has(host) === true
  return [...(known.get(first) ?? [])]
    .toSorted()
    .find(host => more.every(job => needs(job, host)) && !others.some(job => needs(job, host)))
}

function areKin(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const either = a.union(b).size
  return either === 0 || a.intersection(b).size / either >= kinship
}
