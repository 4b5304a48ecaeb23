import type { Authority } from '../certificates/authority.ts'
import type { DnsQuery } from '../dns/server.ts'
import type { ConnectionRecord, RequestRecord } from '../origins/recorder.ts'

/** What the process in the sink does for the lab. */
export interface AttackerOffer {
  start(config: { readonly authority: Authority }): Promise<void>
  queries(): readonly DnsQuery[]
  connections(): readonly ConnectionRecord[]
  requests(): readonly RequestRecord[]
  clear(): void
}
