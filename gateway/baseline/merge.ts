import { familyOf, familyOfName, type HostFamily, joinOnly, keysOf } from './host-family.ts'
import { type JobBaseline, type KnownRun, type Lock, mostRecent, mostRows, type Row, type Sighting } from './lock.ts'

/** What one log says of one job. */
export interface SeenRun extends KnownRun {
  readonly job: string
  readonly sightings: readonly Sighting[]
}

/** A lock with further runs in it, and what came of each. */
export interface Merged {
  readonly lock: Lock
  /** Runs that were in the lock before. */
  readonly known: number
  /** Runs older than all that are told apart: what they did is in the lock, and they are not counted. */
  readonly uncounted: number
  /** Sightings that found no room. */
  readonly overflow: number
}

/**
 * Adds runs to a lock. The result does not depend on their order, nor on how many calls they come in (as long as no job
 * has more than `mostRecent` of them), nor on how often one of them comes. Rows never go away by themselves. Pure.
 */
export function mergeRuns(lock: Lock, runs: readonly SeenRun[]): Merged {
  const jobs = new Map<string, OpenJob>([...lock.jobs].map(([name, job]) => [name, openJob(job)]))
  let [known, uncounted, overflow] = [0, 0, 0]
  for (const run of runs.toSorted(byAge)) {
    const job = jobs.get(run.job) ?? openJob({ runs: 0, first: run.start, last: run.start, rows: [], recent: [] })
    jobs.set(run.job, job)
    const standing = standingOf(job, run)
    if (standing === 'known') known += 1
    if (standing === 'old') uncounted += 1
    overflow += addRun(job, run, standing === 'new')
  }
  const merged = new Map([...jobs].map(([name, job]) => [name, closeJob(job)]))
  return { lock: { ...lock, jobs: merged }, known, uncounted, overflow }
}

/** The order of the file: by endpoint, then deed, then executable. */
export function compareRows(a: Row, b: Row): number {
  return compareText(rowKey(a), rowKey(b))
}

/** What tells rows apart. */
export function rowKey({
  transport,
  host,
  port,
  does,
  by,
}: Pick<Row, 'transport' | 'host' | 'port' | 'does' | 'by'>): string {
  return `${host} ${String(port ?? 0).padStart(5, '0')} ${transport} ${does} ${by ?? ''}`
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

interface OpenJob extends Mutable<Omit<JobBaseline, 'rows'>> {
  readonly rows: Map<string, Mutable<Row>>
}

function openJob({ rows, ...job }: JobBaseline): OpenJob {
  return { ...job, rows: new Map(rows.map(row => [rowKey(row), { ...row }])) }
}

function closeJob({ rows, ...job }: OpenJob): JobBaseline {
  const hosts = new Set([...rows.values()].flatMap(row => (row.does === 'ask' ? [] : (row.only ?? [row.host]))))
  // Who goes somewhere asks for its name: that needs no row of its own.
  const kept = [...rows.values()].filter(row => row.does !== 'ask' || !keysOf(row.host).some(key => hosts.has(key)))
  return { ...job, rows: kept.toSorted(compareRows) }
}

function standingOf({ recent }: OpenJob, run: KnownRun): 'new' | 'known' | 'old' {
  if (recent.some(({ id }) => id === run.id)) return 'known'
  const [oldest] = recent
  return oldest !== undefined && recent.length >= mostRecent && byAge(run, oldest) < 0 ? 'old' : 'new'
}

/** Returns how many sightings found no room. */
function addRun(job: OpenJob, run: SeenRun, counts: boolean): number {
  let overflow = 0
  const touched = new Set<string>()
  for (const sighting of run.sightings) {
    const { host, only } = familyIn(job, sighting)
    const key = rowKey({ ...sighting, host })
    const row = job.rows.get(key)
    if (row === undefined) {
      if (job.rows.size >= mostRows) {
        overflow += 1
        continue
      }
      job.rows.set(key, { ...sighting, host, only, first: run.start, last: run.start, runs: 1, note: undefined })
    } else {
      row.only = joinOnly(row.only, only)
      row.first = Math.min(row.first, run.start)
      row.last = Math.max(row.last, run.start)
      if (counts && !touched.has(key)) row.runs += 1
    }
    touched.add(key)
  }
  job.first = Math.min(job.first, run.start)
  job.last = Math.max(job.last, run.start)
  if (!counts) return overflow
  job.runs += 1
  job.recent = [...job.recent, { start: run.start, id: run.id }].toSorted(byAge).slice(-mostRecent)
  return overflow
}

/** The family of a host; a pattern that somebody wrote into the lock by hand counts where ours would not dare. */
function familyIn({ rows }: OpenJob, sighting: Sighting): HostFamily {
  const own = sighting.does === 'ask' ? familyOfName(sighting.host) : familyOf(sighting.host)
  if (own.only !== undefined || own.host !== sighting.host) return own
  const byHand = keysOf(sighting.host).find(host => rows.get(rowKey({ ...sighting, host }))?.host.includes('*'))
  return byHand === undefined ? own : { host: byHand, only: undefined }
}

function byAge(a: KnownRun, b: KnownRun): number {
  return a.start - b.start || compareText(a.id, b.id)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
