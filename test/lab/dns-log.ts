import type { RecordValue } from './dns/record-data.ts'
import type { DnsQuery } from './dns/server.ts'
import type { DnsFailure } from './dns/zone.ts'
import type { AttackerOffer } from './servers/attacker-offer.ts'
import type { Caller } from './servers/channel.ts'
import type { InternetOffer } from './servers/internet-offer.ts'

/** Which queries; every field given must hold. */
export interface DnsFilter {
  readonly server?: DnsQuery['server']
  readonly transport?: DnsQuery['transport']
  readonly type?: string
  /** The name itself. */
  readonly name?: string
  /** The name or anything below it. */
  readonly under?: string
}

/** Every query that any DNS server of the lab saw, and the zone they answer from. */
export class DnsLog {
  readonly #internet: Caller<InternetOffer>
  readonly #attacker: Caller<AttackerOffer>

  constructor(internet: Caller<InternetOffer>, attacker: Caller<AttackerOffer>) {
    this.#internet = internet
    this.#attacker = attacker
  }

  /** The queries so far, oldest first. */
  async queries(filter: DnsFilter | ((query: DnsQuery) => boolean) = {}): Promise<readonly DnsQuery[]> {
    const all = (await Promise.all([this.#internet('queries'), this.#attacker('queries')])).flat()
    return all
      .filter(typeof filter === 'function' ? filter : query => matches(filter, query))
      .toSorted((one, other) => one.timeMs - other.timeMs)
  }

  /** Replaces a name's records of one type, e.g. `set('a.test', 'A', ['198.51.100.10'], { ttl: 0 })`. */
  async set(
    name: string,
    type: string,
    values: readonly RecordValue[],
    options: { readonly ttl?: number } = {},
  ): Promise<void> {
    await this.#internet('setRecords', name, type, [values], options.ttl ?? 60)
  }

  /** A different answer each time, the last one for ever: rebinding. The TTL is 0 unless said otherwise. */
  async setInTurn(
    name: string,
    type: string,
    turns: readonly (readonly RecordValue[])[],
    options: { readonly ttl?: number } = {},
  ): Promise<void> {
    await this.#internet('setRecords', name, type, turns, options.ttl ?? 0)
  }

  /** Removes a name, or one type of it. */
  async remove(name: string, type?: string): Promise<void> {
    await this.#internet('removeName', name, type)
  }

  /** Makes a name (or `*.zone`) misbehave; without a failure it is well again. */
  async fail(name: string, failure?: DnsFailure): Promise<void> {
    await this.#internet('failName', name, failure)
  }

  /** Makes answers for a name late. */
  async delay(name: string, delayMs: number): Promise<void> {
    await this.#internet('delayName', name, delayMs)
  }

  /** Forgets the queries of the lab's resolver; the attacker's are forgotten by `sink.clear()`. */
  async clear(): Promise<void> {
    await this.#internet('clearQueries')
  }
}

function matches(filter: DnsFilter, query: DnsQuery): boolean {
  return (
    (filter.server === undefined || query.server === filter.server) &&
    (filter.transport === undefined || query.transport === filter.transport) &&
    (filter.type === undefined || query.type === filter.type) &&
    (filter.name === undefined || query.name === filter.name) &&
    (filter.under === undefined || query.name === filter.under || query.name?.endsWith(`.${filter.under}`) === true)
  )
}
