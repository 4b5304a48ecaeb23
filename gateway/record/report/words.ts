import type { LogState, ReachedRow, RefusedRow, Summary } from '../summary-shape.ts'
import type { FindingRow } from '../summary-shape.ts'
import { explainReason } from '../../policy/explain.ts'
import { alarmText, findingText } from '../vocabulary.ts'

// The phrases that every format shares.

/** `4.1 MB`: decimal units, as disks and networks count. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, count < 1_000 ? 0 : Math.floor(Math.log10(count) / 3))
  const value = count / 1_000 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`
}

/** `1,234`, of a whole number. Not `toLocaleString`: its first call takes some 10 ms, for which the end of each run would wait. */
export function number(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `1 request`, `2 requests`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`
}

/** `850 ms`, `12.4 s`, `3 min 5 s`, `2 h 4 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** `GET 12, POST 1`: the most used first. */
export function methods(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([method, count]) => `${method} ${number(count)}`)
    .join(', ')
}

/** `12 requests, 1 connection`; lookups only where nothing else is known. */
export function activity(row: ReachedRow): string {
  const parts = [
    row.requests > 0 ? plural(row.requests, 'request') : '',
    row.connections > 0 ? plural(row.connections, 'connection') : '',
  ]
  return parts.filter(part => part !== '').join(', ')
}

/** `evil.example.com:443`, IPv6 in brackets; a port only when there is exactly one. */
export function target(host: string, ports: readonly number[]): string {
  const [port] = ports
  const name = host.includes(':') ? `[${host}]` : host
  return port === undefined || ports.length > 1 ? name : `${name}:${port}`
}

/** `3 attempts`, `2 lookups`: what the build tried. */
export function attempts(row: RefusedRow): string {
  const parts = [
    row.attempts > 0 ? plural(row.attempts, 'attempt') : '',
    row.lookups > 0 ? plural(row.lookups, 'lookup') : '',
    row.names > 1 ? plural(row.names, 'name') : '',
  ]
  return parts.filter(part => part !== '').join(', ')
}

/** Why, with the rule where one decided. */
export function why(row: RefusedRow): string {
  const sentence = explainReason(row.reason)
  return row.rule === undefined ? sentence : `${sentence}: ${row.rule}`
}

const otherFindings = {
  'client-refused-ca': 'a client does not trust our certificate authority',
  'metadata-access': "the machine's metadata service was tried, which hands out credentials",
} as const

/** What a finding means; an alarm says it itself. */
export function findingMeaning({ kind, note }: Pick<FindingRow, 'kind' | 'note'>): string {
  return note ?? { ...findingText, ...alarmText, ...otherFindings }[kind]
}

/** What a reader may do about a finding, one way each; each fits a line of a narrow terminal but for a long name. */
export function findingRemedies({ kind, allow }: FindingRow): readonly string[] {
  if (kind !== 'client-refused-ca' && kind !== 'inspection-bypassed') return []
  return [
    'point it at /run/tidegate/bundle.pem (docs/trust.md)',
    `or allow ${allow ?? 'it by a tls:// rule'} if it pins certificates`,
  ]
}

/** The log's own state in one sentence. */
export function logSentence(log: LogState): string {
  const lost = log.lost > 0 ? `; ${plural(log.lost, 'event')} could not be written` : ''
  if (log.state === 'sealed') return `The log is intact and sealed: ${plural(log.lines, 'line')}${lost}.`
  if (log.state === 'open') return `The log is still being written: ${plural(log.lines, 'line')} so far${lost}.`
  if (log.state === 'unsealed')
    return `The log is intact as far as it goes, but not sealed: ${log.message ?? 'it was cut'}${lost}.`
  return `The log is BROKEN: ${log.message ?? 'its chain does not hold'}${lost}.`
}

/** True when a reader may rely on the report being the whole story. */
export function isWhole(summary: Summary): boolean {
  return summary.log.state === 'sealed' && summary.log.lost === 0 && summary.degraded.length === 0
}

/** Refused rows for people: a name that was looked up and then connected to is told once, by the connection. */
export function toldOnce(rows: readonly RefusedRow[]): readonly RefusedRow[] {
  const connected = new Set(rows.filter(row => row.attempts > 0).map(row => `${row.verdict} ${row.host}`))
  return rows.filter(row => row.attempts > 0 || !connected.has(`${row.verdict} ${row.host}`))
}

/** The heading over refused rows, and whether each row must say for itself which of the two it is. */
export function refusedTitle(rows: readonly RefusedRow[]): { readonly title: string; readonly mixed: boolean } {
  const denied = rows.filter(row => row.verdict === 'deny').length
  return { title: denied > 0 ? 'Refused' : 'Would be refused in block mode', mixed: denied > 0 && denied < rows.length }
}

/** `4 hosts reached, 3 refused`. */
export function headline(summary: Summary): string {
  const rows = toldOnce(summary.refused)
  const refused = rows.filter(row => row.verdict === 'deny').length
  const observed = rows.length - refused
  const parts = [`${plural(summary.reached.length, 'host')} reached`]
  if (refused > 0 || observed === 0)
    parts.push(refused === 0 ? 'nothing refused' : `${plural(refused, 'destination')} refused`)
  if (observed > 0) parts.push(`${plural(observed, 'destination')} that block mode would refuse`)
  return parts.join(', ')
}

/** Rows a person reads; the whole is in summary.json. */
export function first<T>(rows: readonly T[], limit: number): { readonly shown: readonly T[]; readonly more: number } {
  return { shown: rows.slice(0, limit), more: Math.max(0, rows.length - limit) }
}

/** A policy line as an item of a YAML list: quoted where YAML would read anything but this text. */
export function yamlItem(line: string): string {
  const isPlain = /^[\w/][^\s#'"{}[\]&!|>`\\]*(?: [a-z]+:[^\s#'"{}[\]&!|>`\\]*)?(?<!:)$/.test(line)
  return isPlain && !otherScalar.test(line) ? `- ${line}` : `- ${JSON.stringify(line)}`
}

/** What the core schema of YAML 1.2 reads as a number, a truth value or nothing. */
const otherScalar = /^(?:[\d.]+(?:e[-+]?\d+)?|0[xo][\da-f]+|true|false|null)$/i
