/**
 * What is done at an endpoint, as far as it can be told: `read` and `write` by the method of a request, `connect` where
 * bytes are carried unread, `ask` for a name that was only looked up.
 */
export type Deed = 'read' | 'write' | 'connect' | 'ask'

/** The deeds in the order of the file's explanation. */
export const deeds = ['read', 'write', 'connect', 'ask'] as const satisfies readonly Deed[]

/** Something that a job did, in the words of the baseline. */
export interface Sighting {
  readonly transport: 'tcp' | 'udp'
  /** A host name, or an address. */
  readonly host: string
  /** Undefined for `ask`. */
  readonly port: number | undefined
  readonly does: Deed
  /** The executable, in the form of `normaliseExecutable`; undefined where it is not known, and for `ask`. */
  readonly by: string | undefined
}

/** One line of a baseline: an endpoint that a job needs. Times are Unix seconds, of the start of a run. */
export interface Row extends Sighting {
  /** A name or an address; or a pattern with one `*`, for names that rotate. */
  readonly host: string
  /** Of a pattern that stands for the names seen so far, and for no other yet: these names, sorted; else undefined. */
  readonly only: readonly string[] | undefined
  readonly first: number
  readonly last: number
  /** Runs that did it. */
  readonly runs: number
  /** A reviewer's words; kept. */
  readonly note: string | undefined
}

/** A run that is in the baseline: so that no log counts twice, and to know how long nothing was new. */
export interface KnownRun {
  /** Unix seconds. */
  readonly start: number
  /** Beginning of the SHA-256 of the log's first line, 12 hex digits. */
  readonly id: string
}

/** What is known of one job. */
export interface JobBaseline {
  readonly runs: number
  readonly first: number
  readonly last: number
  readonly rows: readonly Row[]
  /** The latest runs, at most `mostRecent`, in the order of start and id. */
  readonly recent: readonly KnownRun[]
}

/** `egress.lock`, understood. */
export interface Lock {
  /** Runs without a new row until a job's baseline is called stable, 1 to `mostRecent`. */
  readonly stableAfter: number
  readonly jobs: ReadonlyMap<string, JobBaseline>
}

/** Where commands look for the lock when none is named. */
export const defaultLockFile = 'egress.lock'
/** Runs of a job that are told apart. */
export const mostRecent = 32
export const defaultStableAfter = 3
/** Rows of one job; a job that needs more is not described by a list. */
export const mostRows = 5_000

export const emptyLock: Lock = { stableAfter: defaultStableAfter, jobs: new Map() }

/** How many of the latest runs brought nothing new. */
export function quietRuns({ rows, recent }: JobBaseline): number {
  const newest = rows.reduce((latest, { first }) => Math.max(latest, first), 0)
  return recent.filter(({ start }) => start > newest).length
}

/** Has the baseline of a job seen what there is to see? */
export function isStable(job: JobBaseline, { stableAfter }: Lock): boolean {
  return quietRuns(job) >= stableAfter
}
