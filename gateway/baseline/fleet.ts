import { knownExfiltration } from '../policy/known-exfiltration.ts'
import { Expected } from './compare.ts'
import { kindsOf, onlyIn, type KnownHosts } from './fleet-kin.ts'
import type { FleetRun, HostUse } from './fleet-runs.ts'
import { emptyLock, type Lock } from './lock.ts'
import { NearHosts } from './near-host.ts'

/** What jobs are compared with, and what counts as many at once. */
export interface FleetOptions {
  /** What jobs are known to do; a job that is not in it is compared with the earliest of its runs. */
  readonly lock: Lock | undefined
  /** Unrelated jobs in which a host is new at once before it is called infrastructure, 2 or more. */
  readonly unrelated: number
  /** Milliseconds between two jobs' first sight of a host that are still at once. */
  readonly withinMs: number
}

/** A host that is new in some jobs, at about one time. */
export interface FleetFinding {
  readonly class: 'infrastructure' | 'suspicious'
  readonly host: string
  /** Why it is classed so, as a sentence without an end. */
  readonly note: string
  /** In which jobs, sorted; and how many of the fleet ran and could be compared in that time. */
  readonly jobs: readonly string[]
  readonly of: number
  /** How many kinds of jobs these are. */
  readonly groups: number
  /** RFC 3339. */
  readonly firstAt: string
  readonly lastAt: string
  readonly programs: readonly string[]
  readonly bytesSent: number
  /** True when no job got through to it. */
  readonly refused: boolean
}

/** What many logs of many jobs say together. */
export interface Fleet {
  readonly jobs: number
  readonly runs: number
  readonly findings: readonly FleetFinding[]
  /** Jobs with one run and no baseline: nothing can be called new in them. */
  readonly notCompared: readonly string[]
}

interface Sight {
  readonly host: string
  readonly job: string
  readonly at: number
  readonly use: HostUse
}

/** Classes what is new in a fleet of jobs: once for each host and time, however many jobs saw it. Pure. */
export function classFleet(all: readonly FleetRun[], options: FleetOptions): Fleet {
  const runs = [...new Map(all.map(run => [`${run.job} ${run.id}`, run])).values()].toSorted(
    (a, b) => a.start - b.start || compareText(a.id, b.id),
  )
  const byJob = Map.groupBy(runs, ({ job }) => job)
  const known: KnownHosts = new Map([...byJob].map(([job, own]) => [job, knownHosts(own, job, options.lock)]))
  const notCompared = [...byJob].filter(([job, own]) => own.length === 1 && options.lock?.jobs.has(job) !== true)
  const active = runs.filter(run => isCompared(run, byJob, options.lock))
  const sights = Map.groupBy(newSights(active, known, options.lock), ({ host }) => host)
  const near = new NearHosts([...known.values()].flatMap(hosts => [...hosts]))
  const context = { active, known, kinds: kindsOf(known), near, options }
  const findings = [...sights].flatMap(([host, seen]) =>
    clusters(seen, options.withinMs).map(cluster => classOne(host, cluster, context)),
  )
  return {
    jobs: byJob.size,
    runs: runs.length,
    findings: findings.toSorted(
      (a, b) => compareText(b.class, a.class) || compareText(a.firstAt, b.firstAt) || compareText(a.host, b.host),
    ),
    notCompared: notCompared.map(([job]) => job).toSorted(),
  }
}

function knownHosts(own: readonly FleetRun[], job: string, lock: Lock | undefined): ReadonlySet<string> {
  const baseline = lock?.jobs.get(job)
  if (baseline === undefined) return new Set(own[0]?.hosts.keys())
  return new Set(baseline.rows.flatMap(({ host, only }) => only ?? [host]))
}

/** Without a baseline a job's earliest run is what the others are compared with. */
function isCompared(run: FleetRun, byJob: ReadonlyMap<string, readonly FleetRun[]>, lock: Lock | undefined): boolean {
  return lock?.jobs.has(run.job) === true || byJob.get(run.job)?.[0] !== run
}

/** What is new in each job, once: at its first sight, with what all runs did there. `active` is in the order of time. */
function newSights(active: readonly FleetRun[], known: KnownHosts, lock: Lock | undefined): readonly Sight[] {
  const expected = new Map([...(lock?.jobs.keys() ?? [])].map(job => [job, new Expected(lock ?? emptyLock, job)]))
  const found = new Map<string, Sight>()
  for (const { job, hosts } of active) {
    for (const [host, use] of hosts) {
      if (expected.get(job)?.knowsHost(host) ?? known.get(job)?.has(host) === true) continue
      const before = found.get(`${job} ${host}`)
      found.set(
        `${job} ${host}`,
        before === undefined ? { host, job, at: use.first, use } : { ...before, use: joined(before.use, use) },
      )
    }
  }
  return [...found.values()]
}

function joined(a: HostUse, b: HostUse): HostUse {
  return {
    first: Math.min(a.first, b.first),
    by: a.by.union(b.by),
    bytesSent: a.bytesSent + b.bytesSent,
    refused: a.refused && b.refused,
  }
}

/** Splits what was seen of a host where nobody saw it for longer than that. */
function clusters(seen: readonly Sight[], withinMs: number): readonly (readonly Sight[])[] {
  const found: Sight[][] = []
  let last = Number.NEGATIVE_INFINITY
  for (const sight of seen.toSorted((a, b) => a.at - b.at || compareText(a.job, b.job))) {
    const open = found.at(-1)
    if (open !== undefined && sight.at - last <= withinMs) open.push(sight)
    else found.push([sight])
    last = sight.at
  }
  return found
}

interface Context {
  readonly active: readonly FleetRun[]
  readonly known: KnownHosts
  readonly kinds: ReadonlyMap<string, number>
  readonly near: NearHosts
  readonly options: FleetOptions
}

function classOne(host: string, cluster: readonly Sight[], context: Context): FleetFinding {
  const { options } = context
  const jobs = [...new Set(cluster.map(({ job }) => job))].toSorted()
  const [firstAt, lastAt] = [cluster[0]?.at ?? 0, cluster.at(-1)?.at ?? 0]
  const isNear = (at: number): boolean => at >= firstAt - options.withinMs && at <= lastAt + options.withinMs
  const ran = [
    ...new Set(
      context.active
        .filter(({ start }) => isNear(start))
        .map(({ job }) => job)
        .concat(jobs),
    ),
  ]
  const groups = new Set(jobs.map(job => context.kinds.get(job))).size
  return {
    ...judge(host, jobs, { ...context, ran, groups }),
    host,
    jobs,
    of: ran.length,
    groups,
    firstAt: new Date(firstAt).toISOString(),
    lastAt: new Date(lastAt).toISOString(),
    programs: [...new Set(cluster.flatMap(({ use }) => [...use.by]))].toSorted().slice(0, 8),
    bytesSent: cluster.reduce((sum, { use }) => sum + use.bytesSent, 0),
    refused: cluster.every(({ use }) => use.refused),
  }
}

interface Circumstances extends Context {
  readonly ran: readonly string[]
  readonly groups: number
}

type Verdict = Pick<FleetFinding, 'class' | 'note'>

function suspicious(note: string): Verdict {
  return { class: 'suspicious', note }
}

function judge(host: string, jobs: readonly string[], circumstances: Circumstances): Verdict {
  const { ran, groups, known, options } = circumstances
  if (knownExfiltration(host) !== undefined)
    return suspicious('it is known for exfiltration, however many jobs go there')
  const near = circumstances.near.find(host)
  if (near !== undefined) return suspicious(`its name is ${near.how} ${near.known}, which these jobs know`)
  if (jobs.length === 1) return suspicious('it is new in one job alone')
  const shared = onlyIn(jobs, ran, known)
  const lead = shared === undefined ? 'what they share' : `what they get from ${shared}, which no other job uses`
  if (groups < options.unrelated)
    return suspicious(`it is new in ${jobs.length} jobs that need much the same: look at ${lead}`)
  if (shared !== undefined) return suspicious(`it is new in many kinds of jobs, and in just these: look at ${lead}`)
  return { class: 'infrastructure', note: `it is new in ${groups} kinds of jobs at once: look at what runs them all` }
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
