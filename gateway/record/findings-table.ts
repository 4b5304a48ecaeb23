import { addBounded, BoundedTable } from './bounded-table.ts'
import { processChain, processLabel } from './process-label.ts'
import { hostOf, type AlarmKind, type Finding, type FlowEvent } from './event.ts'
import type { DegradedRow, FailureRow, FindingRow, ProcessRow } from './summary-shape.ts'
import { alarmText, degradationText, findingText, metadataAddresses, type Degradation } from './vocabulary.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What a reader must not miss, and what did not work. */
export class FindingsTable {
  readonly #findings = new BoundedTable<Mutable<FindingRow>>(200)
  readonly #failures = new BoundedTable<Mutable<FailureRow>>(200)
  readonly #degraded = new BoundedTable<Mutable<DegradedRow>>(50)

  get omitted(): { readonly findings: number; readonly failures: number } {
    return { findings: this.#findings.omitted, failures: this.#failures.omitted }
  }

  add(event: FlowEvent): void {
    const host = hostOf(event)
    const kind = findingOf(event, host)
    if (kind !== undefined) this.#find(kind, event, host)
    if (event.layer === 'job') {
      if (event.event === 'anomaly' && kind === undefined)
        this.degrade(degradationOf(event.details?.['kind']), noteOf(event.details))
      return
    }
    if (event.error === undefined || event.error === 'CLIENT_REFUSED_CA') return
    const { error } = event
    const row = this.#failures.row(`${error} ${host}`, () => ({
      error,
      count: 0,
      ...(host === undefined ? {} : { host }),
    }))
    if (row !== undefined) row.count += 1
  }

  degrade(kind: Degradation, note: string | undefined): void {
    const row = this.#degraded.row(`${kind} ${note}`, () => ({
      kind,
      count: 0,
      ...(note === undefined ? {} : { note }),
    }))
    if (row !== undefined) row.count += 1
  }

  findings(): readonly FindingRow[] {
    return this.#findings.values().map(row => ({ ...row }))
  }

  failures(): readonly FailureRow[] {
    return this.#failures
      .values()
      .map(row => ({ ...row }))
      .toSorted((a, b) => b.count - a.count)
  }

  degraded(): readonly DegradedRow[] {
    return this.#degraded.values().map(row => ({ ...row }))
  }

  #find(kind: FindingRow['kind'], event: FlowEvent, host: string | undefined): void {
    const { note, subject } = isAlarm(kind) ? toldBy(event) : {}
    const row = this.#findings.row(`${kind} ${host} ${subject} ${note}`, () => ({
      kind,
      count: 0,
      ...(note === undefined ? {} : { note }),
      ...(subject === undefined ? {} : { subject }),
      firstAt: new Date(event.startedAt).toISOString(),
      ...(host === undefined ? {} : { host }),
      ...(event.process === undefined ? {} : { process: processChain(event.process) }),
      ...(mayPin(kind, event) && event.host !== undefined ? { allow: passLine(event.host, event.port) } : {}),
    }))
    if (row !== undefined) row.count += 1
  }
}

/** In audit a host of which the policy says nothing was passed as well; nobody is to be led to allow that one. */
function mayPin(kind: FindingRow['kind'], event: FlowEvent): boolean {
  return kind === 'client-refused-ca' || (kind === 'inspection-bypassed' && event.verdict === 'allow')
}

/** The rule under which a client that pins its certificates is passed by SNI. */
function passLine(host: string, port: number | undefined): string {
  return `tls://${host}${port === undefined || port === 443 ? '' : `:${port}`}`
}

function findingOf(event: FlowEvent, host: string | undefined): FindingRow['kind'] | undefined {
  if (event.event !== undefined && isFinding(event.event)) return event.event
  const told = event.layer === 'job' ? event.details?.['kind'] : undefined
  if (typeof told === 'string' && isAlarm(told)) return told
  if (event.error === 'CLIENT_REFUSED_CA') return 'client-refused-ca'
  return host !== undefined && metadataAddresses.has(event.address ?? host) ? 'metadata-access' : undefined
}

function isAlarm(kind: string): kind is AlarmKind {
  return Object.hasOwn(alarmText, kind)
}

function toldBy({ details }: FlowEvent): { readonly note?: string; readonly subject?: string } {
  const { note, subject } = details ?? {}
  return { ...(typeof note === 'string' ? { note } : {}), ...(typeof subject === 'string' ? { subject } : {}) }
}

function isFinding(event: string): event is Finding {
  return Object.hasOwn(findingText, event)
}

function degradationOf(kind: unknown): Degradation {
  return typeof kind === 'string' && isDegradation(kind) ? kind : 'not-proved'
}

function isDegradation(kind: string): kind is Degradation {
  return Object.hasOwn(degradationText, kind)
}

function noteOf(details: Readonly<Record<string, unknown>> | undefined): string | undefined {
  if (typeof details?.['note'] === 'string') return details['note']
  const lost = details?.['lost']
  return typeof lost === 'number' && lost > 0 ? `${lost} events are not in the log` : undefined
}

interface Process extends Mutable<Omit<ProcessRow, 'hosts'>> {
  readonly hosts: Set<string>
}

/** Flows by the process behind them. */
export class ProcessTable {
  readonly #rows = new BoundedTable<Process>(500)

  get omitted(): number {
    return this.#rows.omitted
  }

  add(event: FlowEvent): void {
    const { process, verdict } = event
    if (process === undefined || verdict === undefined) return
    const label = processLabel(process)
    const row = this.#rows.row(`${process.exe} ${label}`, () => ({
      process: label,
      exe: process.exe,
      allow: 0,
      observe: 0,
      deny: 0,
      bytesSent: 0,
      bytesReceived: 0,
      hosts: new Set<string>(),
    }))
    if (row === undefined) return
    row[verdict] += 1
    row.bytesSent += event.bytesSent ?? 0
    row.bytesReceived += event.bytesReceived ?? 0
    addBounded(row.hosts, hostOf(event), 20)
  }

  list(): readonly ProcessRow[] {
    return this.#rows
      .values()
      .toSorted((a, b) => b.deny + b.observe - a.deny - a.observe || b.allow - a.allow)
      .map(row => ({ ...row, hosts: [...row.hosts] }))
  }
}
