import type { Authority } from '../certificates/authority.ts'
import type { Place } from '../addresses.ts'
import type { DnsQuery } from '../dns/server.ts'
import type { RecordValue } from '../dns/record-data.ts'
import type { DnsFailure } from '../dns/zone.ts'
import type { Exchange, RawReply, Reply } from '../origins/exchange.ts'
import type { ConnectionRecord, RequestRecord } from '../origins/recorder.ts'

/** What a lab can serve beside DNS. */
export const services = [
  'origins',
  'metadata',
  'neighbour',
  'bulk',
  'grpc',
  'websocket',
  'git',
  'npm',
  'python',
  'debian',
  'ssh',
] as const

/** A part of the lab that is started only when asked for. */
export type Service = (typeof services)[number]

/** What the internet process is told at start. */
export interface InternetConfig {
  readonly dir: string
  readonly authority: Authority
  readonly services: readonly Service[]
  readonly names: readonly (readonly [name: string, place: Place])[]
}

/** A request as a scripted handler in the test sees it; its body has been read. */
export type ScriptedRequest = Omit<Exchange, 'body' | 'query'> & { readonly bodyBytes: Uint8Array }

/** What the internet process does for the lab. */
export interface InternetOffer {
  /** Returns the pids of the programs it started, by service. */
  start(config: InternetConfig): Promise<Readonly<Record<string, number>>>
  setRecords(name: string, type: string, turns: readonly (readonly RecordValue[])[], ttl: number): void
  removeName(name: string, type: string | undefined): void
  failName(name: string, failure: DnsFailure | undefined): void
  delayName(name: string, delayMs: number): void
  queries(): readonly DnsQuery[]
  clearQueries(): void
  connections(): readonly ConnectionRecord[]
  requests(): readonly RequestRecord[]
  clearRequests(): void
  /** A fixed answer, or a call back to the lab's `handle`. */
  script(host: string, path: string, reply: Reply | RawReply | { readonly callback: number }): void
  unscript(host: string, path: string): void
  /** Sends a marker packet out of a wire, to nobody. */
  mark(wire: 'uplink' | 'away', token: string): Promise<void>
}

/** What the lab does for the internet process. */
export interface LabOffer {
  handle(callback: number, request: ScriptedRequest): Promise<Reply | RawReply>
}
