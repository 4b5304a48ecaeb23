import { isScalar, type Node } from 'yaml'
import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { parsePort } from '../net/port.ts'
import { type Entry, type SourceFile, startOf } from '../policy/document-nodes.ts'
import { quote } from '../policy/rule-host.ts'
import { familyOf, type HostFamily, isPattern } from './host-family.ts'
import { deeds, type JobBaseline, type Row } from './lock.ts'

const rowForm = 'write { to: npm.acme.example:443, does: read, by: /usr/bin/node, seen: every run }'
const keys = ['to', 'only', 'does', 'by', 'seen', 'first', 'last', 'runs', 'note'] as const
const longestNote = 1_000

/** One line under `endpoints`; undefined when it has a fault, which is reported. */
export function readRow(
  source: SourceFile,
  item: Node | null,
  job: Pick<JobBaseline, 'runs' | 'first' | 'last'>,
): Row | undefined {
  const before = source.findings.length
  const entries = new Map(source.entries(item, 'an endpoint', keys).map(one => [one.key, one]))
  const at = startOf(item) ?? 0
  const [to, doesEntry] = [entries.get('to'), entries.get('does')]
  if (to === undefined || doesEntry === undefined) {
    source.report(at, 'MISSING_KEY', 'an endpoint says `to` and `does`', rowForm)
    return undefined
  }
  const does = source.word(doesEntry, deeds)
  const place = readPlace(source, to, does === 'ask')
  const only = readOnly(source, entries.get('only'), place?.host)
  const by = readText(source, entries.get('by'))
  const note = readText(source, entries.get('note'), longestNote)
  const evidence = readEvidence(source, entries, at, job)
  if (source.findings.length > before || does === undefined || place === undefined) return undefined
  if (does === 'ask' && by !== undefined) {
    source.report(at, 'WRONG_VALUE', 'who asks for a name is not told apart', 'take `by` out')
    return undefined
  }
  const family = familyOfRow(place.host, only, does === 'ask')
  return { ...place, ...family, does, by, ...evidence, note }
}

/** A whole number from 1 on. */
export function readCount(source: SourceFile, { key, keyAt, value }: Entry, most: number): number {
  const number = isScalar(value) ? value.value : undefined
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= most) return number
  source.report(
    startOf(value) ?? keyAt,
    'WRONG_VALUE',
    `\`${key}\` is a whole number from 1 to ${most}`,
    `write ${key}: 3`,
  )
  return 1
}

/** A time as the file has it, in Unix seconds. */
export function readTime(source: SourceFile, { key, keyAt, value }: Entry): number {
  const raw = isScalar(value) && typeof value.value === 'string' ? value.value : ''
  const seconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(raw) ? Date.parse(raw) / 1_000 : Number.NaN
  if (Number.isInteger(seconds)) return seconds
  source.report(startOf(value) ?? keyAt, 'WRONG_VALUE', `\`${key}\` is no time`, `write ${key}: 2026-01-31T23:59:59Z`)
  return 0
}

function familyOfRow(host: string, only: readonly string[] | undefined, isAsk: boolean): HostFamily {
  if (only !== undefined || host.includes('*') || isAsk) return { host, only }
  // A single name of a family that rotates by its number is written as itself.
  const family = familyOf(host)
  return family.only === undefined ? { host, only: undefined } : family
}

type Place = Pick<Row, 'transport' | 'host' | 'port'>

function readPlace(source: SourceFile, entry: Entry, isAsk: boolean): Place | undefined {
  const written = source.text(entry.value, '`to`', rowForm)
  if (written === undefined) return undefined
  const fail = (what: string): undefined => {
    source.report(written.at, 'BAD_HOST', `${what}: ${quote(written.text)}`, rowForm)
    return undefined
  }
  if (isAsk) {
    const host = readHost(written.text)
    return host === undefined ? fail('not a host name') : { transport: 'udp', host, port: undefined }
  }
  const [, scheme, bracketed, bare, digits] =
    /^(udp:\/\/)?(?:\[([0-9a-f:.]+)\]|([^[\]:/]+)):(\d{1,5})$/.exec(written.text) ?? []
  const port = parsePort(Number(digits))
  const host = readHost(bracketed ?? bare ?? '')
  if (port === undefined || host === undefined) return fail('not a host and a port')
  return { transport: scheme === undefined ? 'tcp' : 'udp', host, port }
}

/** A name or an address in its one form, or a pattern; undefined for all else. What a job asked for may be no host name. */
function readHost(text: string): string | undefined {
  if (text.includes('*')) return isPattern(text) ? text : undefined
  return parseAddress(text) ?? (parseHostname(text) === text ? text : undefined)
}

function readOnly(
  source: SourceFile,
  entry: Entry | undefined,
  host: string | undefined,
): readonly string[] | undefined {
  if (entry === undefined) return undefined
  const names = source.items(entry).flatMap(item => {
    const written = source.text(item, '`only`', 'write only: [cdn1.example.com, cdn2.example.com]')
    return written === undefined ? [] : [written.text]
  })
  if (host !== undefined && names.length > 0 && names.every(name => familyOf(name).host === host))
    return names.toSorted()
  source.report(
    entry.keyAt,
    'WRONG_VALUE',
    '`only` lists names that `to` is a pattern of',
    'take `only` out, or correct the names',
  )
  return undefined
}

function readText(source: SourceFile, entry: Entry | undefined, longest = 512): string | undefined {
  if (entry === undefined) return undefined
  const written = source.text(entry.value, `\`${entry.key}\``, `write ${entry.key}: "…"`)
  if (written === undefined || (written.text !== '' && written.text.length <= longest)) return written?.text
  source.report(
    written.at,
    'WRONG_VALUE',
    `\`${entry.key}\` is empty or too long`,
    `write at most ${longest} characters`,
  )
  return undefined
}

function readEvidence(
  source: SourceFile,
  entries: ReadonlyMap<string, Entry>,
  at: number,
  job: Pick<JobBaseline, 'runs' | 'first' | 'last'>,
): Pick<Row, 'first' | 'last' | 'runs'> {
  const [seen, first, last, runs] = [
    entries.get('seen'),
    entries.get('first'),
    entries.get('last'),
    entries.get('runs'),
  ]
  if (seen !== undefined && first === undefined && last === undefined && runs === undefined) {
    source.word(seen, ['every run'])
    return job
  }
  if (seen !== undefined || first === undefined || last === undefined || runs === undefined) {
    source.report(at, 'MISSING_KEY', 'an endpoint says `seen: every run`, or else `first`, `last` and `runs`', rowForm)
    return job
  }
  const [from, to] = [readTime(source, first), readTime(source, last)]
  if (from > to) source.report(last.keyAt, 'WRONG_VALUE', '`last` is before `first`', 'correct the times')
  return { first: from, last: to, runs: readCount(source, runs, Number.MAX_SAFE_INTEGER) }
}
