import type { SeenFields } from '../insight/insight.ts'
import type { Asked, Ecosystem } from './asked.ts'
import type { Facts } from './knowledge.ts'

/**
 * Who says how old a version is: `version`, the registry of this version; `commit`, the time of a Go module's commit, which
 * its author may choose; `last-change`, the newest change of the package's whole list; `last-modified`, the date of the file.
 */
export type AgeSource = 'version' | 'commit' | 'last-change' | 'last-modified'

/** What is known of the time at which a version was published. */
export interface Publication {
  /** Unix milliseconds. */
  readonly time: number
  /** It was published then or before. Such a time can show that a version is old, never that it is young. */
  readonly isBound: boolean
  readonly from: AgeSource
}

/** When a file came to where it is, by the head of its answer (RFC 9110 §8.8.2). */
export interface FileDate {
  /** Unix milliseconds. */
  readonly time: number
  /** Of a registry that dates files when they are published, rather than when it got them from another. */
  readonly isPublication: boolean
}

/**
 * Kinds whose registries store a file when it is published, so that none is younger than its date. Not: Go (its proxies may
 * give the commit's time), Debian and Alpine (files keep the date of whoever built them), images (layers have no one date).
 */
const dating: ReadonlySet<Ecosystem> = new Set<Ecosystem>(['npm', 'pypi', 'maven', 'nuget', 'cargo', 'gem'])

/** Where what is published is stored once and for all. Mirrors may date a file when they first fetch it. */
const firstHands: ReadonlySet<string> = new Set([
  'npm registry.npmjs.org',
  'npm registry.yarnpkg.com',
  'pypi files.pythonhosted.org',
  'maven repo1.maven.org',
  'maven repo.maven.apache.org',
  'nuget api.nuget.org',
  'cargo static.crates.io',
  'gem rubygems.org',
])

/** None of these registries is older; what says so has been given a date by somebody else. */
const firstYear = Date.UTC(2002, 0)
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

/** Do registries of its kind say how old a file is, at least by its date? */
export function datesFiles({ ecosystem }: Asked): boolean {
  return dating.has(ecosystem)
}

/** The date that an answer of `host` gives a file; undefined where there is none that says anything. */
export function dateOfFile(asked: Asked, host: string, fields: SeenFields): FileDate | undefined {
  if (!datesFiles(asked)) return undefined
  const text = fields.get('last-modified') ?? ''
  const time = httpDate.test(text) ? Date.parse(text) : Number.NaN
  return time >= firstYear ? { time, isPublication: firstHands.has(`${asked.ecosystem} ${host}`) } : undefined
}

/** The best that is known: what the registry says of this version, or else the earliest of the times by which it was there. */
export function publicationOf(
  { ecosystem }: Asked,
  facts: Facts | undefined,
  date: FileDate | undefined,
): Publication | undefined {
  if (facts?.publishedAt !== undefined)
    return { time: facts.publishedAt, isBound: false, from: ecosystem === 'golang' ? 'commit' : 'version' }
  const isBound = date?.isPublication !== true
  const last = facts?.publishedBefore
  if (last !== undefined && (date === undefined || last <= date.time))
    return { time: last, isBound, from: 'last-change' }
  return date && { time: date.time, isBound, from: 'last-modified' }
}
