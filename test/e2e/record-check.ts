import assert from 'node:assert/strict'
import { alarmText } from '../../gateway/record/vocabulary.ts'
import type { RequestRecord } from '../lab/origins/recorder.ts'

/** A line of the log, as far as these tests read it. */
export interface Line {
  readonly time: string
  readonly layer: string
  readonly flow?: string
  readonly host?: string
  readonly address?: string
  readonly port?: number
  readonly protocol?: string
  readonly method?: string
  readonly path?: string
  readonly status?: number
  readonly qtype?: string
  readonly rcode?: string
  readonly verdict?: 'allow' | 'observe' | 'deny'
  readonly reason?: string
  readonly rule?: string
  readonly inspected?: boolean
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly durationMs?: number
  readonly packets?: number
  readonly event?: string
  readonly before?: string
  readonly after?: string
  readonly token?: string
  readonly error?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly process?: {
    readonly pid: number
    readonly exe: string
    readonly command: string
    readonly uid: number
    readonly parents: readonly string[]
  }
}

/** `summary.json`, as far as these tests read it. */
export interface SummaryFile {
  readonly totals: {
    readonly flows: Readonly<Record<'allow' | 'observe' | 'deny', number>>
    readonly requests: number
    readonly connections: number
    readonly lookups: number
    readonly bytesSent: number
    readonly bytesReceived: number
    readonly packetsDropped: number
  }
  readonly reached: readonly {
    readonly host: string
    readonly requests: number
    readonly connections: number
    readonly lookups: number
    readonly bytesSent: number
    readonly bytesReceived: number
  }[]
  readonly refused: readonly { readonly host: string; readonly verdict: string; readonly reason: string }[]
  readonly processes: readonly { readonly exe: string; readonly allow: number; readonly deny: number }[]
  readonly mode?: string
  readonly degraded: readonly unknown[]
  readonly failed?: readonly string[]
  readonly log: { readonly state: string; readonly lines: number; readonly lost: number }
}

/**
 * The summary is what the lines add up to, counted here by other code, and the lines keep the promises that hold for every
 * job: started, proved, sealed; every flow has a verdict and a reason, and an `allow` names its rule.
 * @throws AssertionError
 */
export function checkRecord(lines: readonly Line[], summary: SummaryFile): void {
  const events = lines
    .filter(line => line.layer === 'job' && !isAlarm(line) && line.event !== 'checkpoint' && line.event !== 'failed')
    .map(({ event }) => event)
  // A canary closes the network of a job that blocks, once, and that is another policy.
  const isClosed = summary.mode === 'block' && lines.some(({ event }) => event === 'canary')
  const changed = isClosed ? ['policy-changed'] : []
  assert.deepEqual(events, ['started', 'proved', ...changed, 'sealed'], 'the lines of the job itself')
  assert.deepEqual(summary.degraded, [])
  const failed = lines.filter(({ layer, event }) => layer === 'job' && event === 'failed')
  assert.deepEqual(
    summary.failed ?? [],
    failed.map(({ details }) => details?.['note']),
  )

  const flows = lines.filter(({ layer }) => layer !== 'job' && layer !== 'file')
  for (const line of flows) {
    const text = JSON.stringify(line)
    assert.ok(line.verdict !== undefined && line.reason !== undefined, text)
    assert.equal(line.verdict === 'allow', line.reason === 'rule', text)
    if (line.verdict === 'allow') assert.ok(line.rule !== undefined, text)
  }
  assert.deepEqual(summary.totals, totalsOf(flows))
  for (const row of summary.reached) {
    const to = flows.filter(line => line.verdict !== 'deny' && (line.host ?? line.address) === row.host)
    const { requests, connections, lookups, bytesSent, bytesReceived } = row
    const carried = totalsOf(to.filter(({ layer }) => layer !== 'dns'))
    assert.deepEqual(
      { requests, connections, lookups, bytesSent, bytesReceived },
      {
        requests: carried.requests,
        connections: carried.connections,
        lookups: totalsOf(to).lookups,
        bytesSent: carried.bytesSent,
        bytesReceived: carried.bytesReceived,
      },
      row.host,
    )
  }
  const { allow, observe, deny } = summary.totals.flows
  const { bytesSent, bytesReceived } = summary.totals
  const seal = { allow, observe, deny, bytesSent, bytesReceived, lines: lines.length, lost: 0 }
  assert.deepEqual({ ...lines.at(-1)?.details, digest: undefined }, { ...seal, digest: undefined }, 'the seal')
  assert.equal(summary.log.state, 'sealed')
  assert.equal(summary.log.lines, lines.length)
}

/** What somebody who looks at the job has found: no fact of the protection. */
export function isAlarm({ event, details }: Line): boolean {
  const kind = details?.['kind']
  return (event === 'anomaly' || event === 'canary') && typeof kind === 'string' && Object.hasOwn(alarmText, kind)
}

/** What lines add up to. */
export function totalsOf(flows: readonly Line[]): SummaryFile['totals'] {
  const sum = (of: readonly Line[], value: (line: Line) => number): number =>
    of.reduce((total, line) => total + value(line), 0)
  const on = (...layers: readonly string[]): readonly Line[] => flows.filter(({ layer }) => layers.includes(layer))
  const verdict = (name: string): number => flows.filter(line => line.verdict === name).length
  return {
    flows: { allow: verdict('allow'), observe: verdict('observe'), deny: verdict('deny') },
    requests: on('http').length,
    connections: on('tcp', 'tls', 'udp').length,
    lookups: sum(on('dns'), line => line.packets ?? 1),
    bytesSent: sum(flows, line => line.bytesSent ?? 0),
    bytesReceived: sum(flows, line => line.bytesReceived ?? 0),
    packetsDropped: sum(on('packet'), line => line.packets ?? 0),
  }
}

/**
 * Every request that an origin received has one line, and every line that says where it was carried was received there:
 * to be compared as sorted lists of `protocol host method path`.
 */
export function requestsOnBothSides(
  lines: readonly Line[],
  received: readonly RequestRecord[],
): { readonly logged: readonly string[]; readonly arrived: readonly string[] } {
  return {
    logged: lines
      .filter(({ layer, verdict, address }) => layer === 'http' && verdict !== 'deny' && address !== undefined)
      .map(({ protocol, host, method, path }) => `${protocol} ${host} ${method} ${path}`)
      .toSorted(),
    arrived: received
      .map(
        ({ protocol, host, method, path }) =>
          // The log has a path without its dot segments.
          `${protocol === 'grpc' ? 'h2' : protocol} ${host} ${method} ${path.replaceAll('/./', '/')}`,
      )
      .toSorted(),
  }
}

/** The lines about one host: layer, and whatever else is given. */
export function linesFor(lines: readonly Line[], host: string, facts: Partial<Line> = {}): readonly Line[] {
  return lines.filter(
    line =>
      line.host === host &&
      Object.entries(facts).every(([name, value]) =>
        Object.entries(line).some(([key, it]) => key === name && it === value),
      ),
  )
}
