import { getDomain } from 'tldts'
import type { DenyReason } from '../policy/decision.ts'
import { addBounded, BoundedTable, countBounded } from './bounded-table.ts'
import { processChain } from './process-label.ts'
import { hostOf, type FlowEvent } from './event.ts'
import { isMadeUp } from './made-up-name.ts'
import { isForAllow, suggestAllow } from './suggest-allow.ts'
import type { RefusedRow } from './summary-shape.ts'
import { metadataAddresses } from './vocabulary.ts'

interface Row {
  readonly host: string
  /** Registered domain, or the host itself. */
  readonly domain: string
  names: number
  readonly verdict: 'deny' | 'observe'
  readonly reason: DenyReason
  readonly rule: string | undefined
  readonly ports: Set<number>
  readonly protocols: Set<string>
  lookups: number
  attempts: number
  bytesSent: number
  readonly methods: Map<string, number>
  /** Different requests, at most one more than are suggested one by one. */
  readonly requests: Map<string, FlowEvent>
  /** Any event of the row that says more than a DNS question. */
  connection: FlowEvent | undefined
  question: FlowEvent | undefined
  readonly processes: Set<string>
}

/** Names under one registered domain that get rows of their own; more share the row `**.domain`. */
const namesPerDomain = 10

/** What was refused, or would be: by host, verdict and reason. A flood of names under one domain becomes one row. */
export class RefusedTable {
  readonly #rows = new BoundedTable<Row>(1_000)
  readonly #namesUnder = new Map<string, number>()

  get omitted(): number {
    return this.#rows.omitted
  }

  add(event: FlowEvent, verdict: 'deny' | 'observe', reason: DenyReason): void {
    const row = this.#rowOf(event, hostOf(event) ?? '(unknown)', verdict, reason)
    if (row === undefined) return
    if (event.layer === 'dns') row.lookups += event.packets ?? 1
    else {
      row.attempts += event.packets ?? 1
      row.bytesSent += event.bytesSent ?? 0
    }
    if (event.layer !== 'dns') addBounded(row.ports, event.port, 8)
    addBounded(row.protocols, event.protocol, 8)
    if (event.method !== undefined) countBounded(row.methods, event.method)
    addBounded(row.processes, event.process === undefined ? undefined : processChain(event.process), 5)
    keepExample(row, event)
  }

  list(): readonly RefusedRow[] {
    return fold(this.#rows.values())
      .toSorted((a, b) => b.attempts - a.attempts || b.lookups - a.lookups || (a.host < b.host ? -1 : 1))
      .map(render)
  }

  #rowOf(event: FlowEvent, host: string, verdict: 'deny' | 'observe', reason: DenyReason): Row | undefined {
    const make = (name: string, domain: string) => (): Row => ({
      host: name,
      domain,
      names: 0,
      verdict,
      reason,
      rule: event.rule,
      ports: new Set(),
      protocols: new Set(),
      lookups: 0,
      attempts: 0,
      bytesSent: 0,
      methods: new Map(),
      requests: new Map(),
      connection: undefined,
      question: undefined,
      processes: new Set(),
    })
    const key = `${verdict} ${reason} ${host}`
    if (this.#rows.has(key)) return this.#rows.row(key, make(host, host))
    const domain = getDomain(host, { allowPrivateDomains: true }) ?? host
    const under = (this.#namesUnder.get(domain) ?? 0) + 1
    // A job can make up domains too: the count of names is bounded like the rows.
    if (this.#namesUnder.size < 10_000 || this.#namesUnder.has(domain)) this.#namesUnder.set(domain, under)
    const shared = under > namesPerDomain ? `**.${domain}` : host
    const row = this.#rows.row(`${verdict} ${reason} ${shared}`, make(shared, domain))
    if (row !== undefined) row.names += 1
    return row
  }
}

/** Names that were only asked for join the row of their domain, where there is one: the first of a flood are no better. */
function fold(rows: readonly Row[]): readonly Row[] {
  const shared = new Map(
    rows.filter(isShared).map(row => [keyOfDomain(row), { ...row, processes: new Set(row.processes) }]),
  )
  const alone = rows.filter(row => {
    const into = isShared(row) || row.attempts > 0 ? undefined : shared.get(keyOfDomain(row))
    if (into === undefined) return !isShared(row)
    into.names += row.names
    into.lookups += row.lookups
    for (const process of row.processes) addBounded(into.processes, process, 5)
    return false
  })
  return [...shared.values(), ...gatherMadeUp(alone)]
}

/** So many names that carry data, below one name, are a tunnel that a reader sees at once when it is one row. */
const fewestMadeUp = 3

function gatherMadeUp(rows: readonly Row[]): readonly Row[] {
  const families = Map.groupBy(rows, row =>
    row.attempts === 0 && isMadeUp(row.host) ? `${row.verdict} ${row.reason} ${parentOf(row.host)}` : undefined,
  )
  return [...families].flatMap(([key, members]) => {
    const [first] = members
    if (key === undefined || first === undefined || members.length < fewestMadeUp) return members
    const processes = new Set<string>()
    for (const member of members) for (const process of member.processes) addBounded(processes, process, 5)
    const sum = (count: (row: Row) => number): number => members.reduce((total, row) => total + count(row), 0)
    const host = `**.${parentOf(first.host)}`
    return [{ ...first, host, names: sum(row => row.names), lookups: sum(row => row.lookups), processes }]
  })
}

function parentOf(host: string): string {
  return host.slice(host.indexOf('.') + 1)
}

function isShared(row: Row): boolean {
  return row.host.startsWith('**.')
}

function keyOfDomain(row: Row): string {
  return `${row.verdict} ${row.reason} ${row.domain}`
}

/** So many requests get a line each; where there were more, the line is for the whole host and port. */
const requestsSuggested = 3

function keepExample(row: Row, event: FlowEvent): void {
  if (event.layer === 'dns') row.question ??= event
  else if (event.path === undefined) row.connection ??= event
  else if (row.requests.size <= requestsSuggested) row.requests.set(`${event.method ?? ''} ${event.path}`.trim(), event)
}

function render(row: Row): RefusedRow {
  const [example] = row.requests.keys()
  return {
    host: row.host,
    names: row.names,
    verdict: row.verdict,
    reason: row.reason,
    ...(row.rule === undefined ? {} : { rule: row.rule }),
    ports: [...row.ports].toSorted((a, b) => a - b),
    protocols: [...row.protocols],
    lookups: row.lookups,
    attempts: row.attempts,
    bytesSent: row.bytesSent,
    methods: Object.fromEntries(row.methods),
    ...(example === undefined ? {} : { example }),
    processes: [...row.processes],
    allow: linesFor(row),
  }
}

function linesFor(row: Row): readonly string[] {
  if (isShared(row) || !isForAllow(row.reason) || metadataAddresses.has(row.host)) return []
  const requests = [...row.requests.values()]
  const few = requests.length <= requestsSuggested ? requests : requests.slice(0, 1).map(withoutRequest)
  const best = few.length > 0 ? few : [row.connection ?? row.question]
  const lines = best.flatMap(event => (event === undefined ? [] : (suggestAllow(event) ?? [])))
  return [...new Set(lines)]
}

function withoutRequest({ method: _method, path: _path, ...place }: FlowEvent): FlowEvent {
  return place
}
