import { addBounded, BoundedTable, countBounded } from './bounded-table.ts'
import { processLabel } from './process-label.ts'
import { hostOf, type FlowEvent } from './event.ts'
import type { ReachedRow, UnseenRow } from './summary-shape.ts'

interface Reached {
  readonly host: string
  readonly ports: Set<number>
  requests: number
  connections: number
  lookups: number
  readonly methods: Map<string, number>
  bytesSent: number
  bytesReceived: number
  readonly processes: Set<string>
}

interface Unseen {
  readonly host: string
  readonly port: number | undefined
  readonly protocol: string
  connections: number
  bytesSent: number
  bytesReceived: number
}

/** What was carried, by host; and of that, what nobody could look into. */
export class ReachedTable {
  readonly #hosts = new BoundedTable<Reached>(2_000)
  readonly #unseen = new BoundedTable<Unseen>(500)

  get omitted(): { readonly reached: number; readonly unseen: number } {
    return { reached: this.#hosts.omitted, unseen: this.#unseen.omitted }
  }

  add(event: FlowEvent): void {
    const host = hostOf(event)
    if (host === undefined) return
    const row = this.#hosts.row(host, () => newReached(host))
    if (row !== undefined) addTo(row, event)
    const { layer, bytesSent = 0, bytesReceived = 0, packets = 0 } = event
    // Of a connection that carried nothing (its client refused our certificate, or hung up) nothing passed.
    const isCarried = bytesSent + bytesReceived + packets > 0
    if (isCarried && (layer === 'tls' || layer === 'tcp' || layer === 'udp')) this.#addUnseen(event, host)
  }

  /** Hosts that were only looked up are not listed: nothing was sent to them. */
  hosts(): readonly ReachedRow[] {
    return this.#hosts
      .values()
      .filter(row => row.requests + row.connections > 0)
      .toSorted((a, b) => b.requests + b.connections - a.requests - a.connections || (a.host < b.host ? -1 : 1))
      .map(row => ({
        ...row,
        ports: [...row.ports].toSorted((a, b) => a - b),
        methods: Object.fromEntries(row.methods),
        processes: [...row.processes],
      }))
  }

  unseen(): readonly UnseenRow[] {
    return this.#unseen
      .values()
      .toSorted((a, b) => b.bytesSent - a.bytesSent || (a.host < b.host ? -1 : 1))
      .map(({ port, ...row }) => (port === undefined ? row : { ...row, port }))
  }

  #addUnseen(event: FlowEvent, host: string): void {
    const protocol = event.layer === 'tls' ? 'tls' : (event.protocol ?? event.layer)
    const make = (): Unseen => ({ host, port: event.port, protocol, connections: 0, bytesSent: 0, bytesReceived: 0 })
    const row = this.#unseen.row(`${protocol} ${host}:${event.port}`, make)
    if (row === undefined) return
    row.connections += 1
    row.bytesSent += event.bytesSent ?? 0
    row.bytesReceived += event.bytesReceived ?? 0
  }
}

function newReached(host: string): Reached {
  return {
    host,
    ports: new Set(),
    requests: 0,
    connections: 0,
    lookups: 0,
    methods: new Map(),
    bytesSent: 0,
    bytesReceived: 0,
    processes: new Set(),
  }
}

function addTo(row: Reached, event: FlowEvent): void {
  if (event.layer === 'dns') row.lookups += event.packets ?? 1
  else if (event.layer === 'http') row.requests += 1
  // A ping that was answered here (`packet`) reached nobody.
  else if (event.layer !== 'packet') row.connections += 1
  if (event.layer !== 'dns') {
    addBounded(row.ports, event.port, 8)
    row.bytesSent += event.bytesSent ?? 0
    row.bytesReceived += event.bytesReceived ?? 0
  }
  if (event.method !== undefined) countBounded(row.methods, event.method)
  if (event.process !== undefined) addBounded(row.processes, processLabel(event.process), 8)
}
