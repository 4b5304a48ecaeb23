import { isMap, isScalar, type Node } from 'yaml'
import { GatewayError } from '../errors.ts'
import { type Entry, SourceFile, startOf } from '../policy/document-nodes.ts'
import { renderFinding } from '../policy/finding.ts'
import { quote } from '../policy/rule-host.ts'
import { type JobBaseline, type KnownRun, type Lock, mostRecent, mostRows, type Row } from './lock.ts'
import { compareRows, rowKey } from './merge.ts'
import { readCount, readRow, readTime } from './parse-row.ts'

const mostJobs = 10_000
/** Faults that are told. */
const mostFaults = 50
const remedy = 'take the file as it was before, or make it anew with `tidegate lock update LOG…`'

/**
 * Reads `egress.lock`. Nothing is guessed: what is unknown, doubled, missing or out of range is a fault.
 * @throws GatewayError LOCK_INVALID; every fault, with line and column, is a line of `details.faults`
 */
export function parseLock(text: string, file: string): Lock {
  const source = new SourceFile(file)
  const root = source.parse(text)
  const entries = new Map(source.entries(root, 'a lock', ['version', 'stableAfter', 'jobs']).map(one => [one.key, one]))
  const lock = source.findings.length === 0 ? readLock(source, entries) : undefined
  if (lock !== undefined && source.findings.length === 0) return lock
  const all = source.findings.toSorted((a, b) => a.line - b.line || a.column - b.column)
  // Where it is no YAML, what follows the first fault says little.
  const told = all.some(({ code }) => code === 'YAML') ? all.filter(({ code }) => code === 'YAML').slice(0, 1) : all
  const faults = told.slice(0, mostFaults).map(renderFinding)
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
  throw new GatewayError('LOCK_INVALID', `the lock ${file} has ${count}; ${remedy}`, { details: { file, faults } })
}

function readLock(source: SourceFile, entries: ReadonlyMap<string, Entry>): Lock | undefined {
  const version = entries.get('version')
  if (version === undefined || !isScalar(version.value) || version.value.value !== 1) {
    source.report(startOf(version?.value) ?? 0, 'WRONG_VALUE', 'a lock of this format says `version: 1`', remedy)
    return undefined
  }
  const stableAfter = required(source, entries, 'stableAfter', 'a lock')
  const jobs = required(source, entries, 'jobs', 'a lock')
  if (stableAfter === undefined || jobs === undefined) return undefined
  return { stableAfter: readCount(source, stableAfter, mostRecent), jobs: readJobs(source, jobs) }
}

function readJobs(source: SourceFile, { value, keyAt }: Entry): ReadonlyMap<string, JobBaseline> {
  const jobs = new Map<string, JobBaseline>()
  if (!isMap<Node, Node | null>(value)) {
    source.report(startOf(value) ?? keyAt, 'WRONG_VALUE', '`jobs` is a mapping of job names', 'write jobs: {}')
    return jobs
  }
  for (const { key, value: body } of value.items.slice(0, mostJobs + 1)) {
    const at = startOf(key) ?? 0
    if (!isScalar(key) || typeof key.value !== 'string' || key.value === '' || key.value.length > 255) {
      source.report(at, 'WRONG_VALUE', 'a job is named by text', 'put the name in double quotes')
    } else if (jobs.has(key.value)) {
      source.report(at, 'DUPLICATE_KEY', `the job ${quote(key.value)} stands twice`, 'join both into one')
    } else {
      const job = readJob(source, body, at)
      if (job !== undefined) jobs.set(key.value, job)
    }
  }
  if (value.items.length > mostJobs) source.report(keyAt, 'WRONG_VALUE', `more than ${mostJobs} jobs`, 'split the lock')
  return jobs
}

const jobKeys = ['runs', 'first', 'last', 'endpoints', 'recent'] as const

function readJob(source: SourceFile, body: Node | null, at: number): JobBaseline | undefined {
  const before = source.findings.length
  const entries = new Map(source.entries(body, 'a job', jobKeys).map(one => [one.key, one]))
  if (source.findings.length > before) return undefined
  const [runsEntry, firstEntry, lastEntry, endpoints, recentEntry] = jobKeys.map(key =>
    required(source, entries, key, 'a job', at),
  )
  if (!runsEntry || !firstEntry || !lastEntry || !endpoints || !recentEntry) return undefined
  const runs = readCount(source, runsEntry, Number.MAX_SAFE_INTEGER)
  const [first, last] = [readTime(source, firstEntry), readTime(source, lastEntry)]
  if (first > last) source.report(lastEntry.keyAt, 'WRONG_VALUE', '`last` is before `first`', remedy)
  const items = source.items(endpoints)
  if (items.length > mostRows)
    source.report(
      endpoints.keyAt,
      'WRONG_VALUE',
      `more than ${mostRows} endpoints`,
      'a job of that kind cannot be described by a list',
    )
  const rows = new Map<string, Row>()
  for (const item of items.slice(0, mostRows)) {
    const row = readRow(source, item, { runs, first, last })
    if (row === undefined) continue
    if (rows.has(rowKey(row)))
      source.report(startOf(item) ?? at, 'DUPLICATE_KEY', 'this endpoint stands twice', 'delete one of the lines')
    rows.set(rowKey(row), row)
  }
  return { runs, first, last, rows: [...rows.values()].toSorted(compareRows), recent: readRecent(source, recentEntry) }
}

function readRecent(source: SourceFile, entry: Entry): readonly KnownRun[] {
  const items = source.items(entry)
  if (items.length > mostRecent)
    source.report(entry.keyAt, 'WRONG_VALUE', `more than ${mostRecent} recent runs`, remedy)
  const known = items.flatMap(item => {
    const raw = isScalar(item) && typeof item.value === 'string' ? item.value : ''
    const [, time = '', id = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([0-9a-f]{12})$/.exec(raw) ?? []
    const start = Date.parse(time) / 1_000
    if (Number.isInteger(start)) return [{ start, id }]
    source.report(startOf(item) ?? entry.keyAt, 'WRONG_VALUE', 'not a run: its start and 12 hex digits', remedy)
    return []
  })
  return known.toSorted((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1))
}

function required(
  source: SourceFile,
  entries: ReadonlyMap<string, Entry>,
  key: string,
  what: string,
  at = 0,
): Entry | undefined {
  const entry = entries.get(key)
  if (entry === undefined) source.report(at, 'MISSING_KEY', `${what} says \`${key}\``, remedy)
  return entry
}
