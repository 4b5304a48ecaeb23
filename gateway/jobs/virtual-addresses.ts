import { addressFromBytes, bytesOf, type Address } from '../net/address.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Hostname } from '../net/hostname.ts'
import type { VirtualAddresses } from './job.ts'
import { placeOf, Recency, type Place } from './recency.ts'

/** Where the addresses of one job come from. */
export interface VirtualAddressOptions {
  /** An IPv4 block of /8 to /30, e.g. 198.18.0.0/16; its first and last address are not given out. */
  readonly pool: Cidr
  /** Names that can have an address at the same time; default 16,384, never more than the pool holds. */
  readonly limit?: number
  /** Milliseconds; default `Date.now`. */
  readonly now?: () => number
}

interface Entry {
  readonly host: Hostname
  readonly address: Address
  flow: string
  /** No reuse before this time, in milliseconds. */
  keepUntil: number
  holds: number
}

/** An address stays with its name at least this long after its last answer or connection: clients keep answers of their own. */
const leastKeptMs = 300_000
const defaultLimit = 16_384
const nothingHeld: Disposable = { [Symbol.dispose]: () => undefined }

/**
 * Opens the virtual addresses of one job (design.md §3). A name keeps its address for the whole job unless the pool runs
 * out; then the name that was last used longest ago gives way, if no answer and no connection can still lead to it.
 * Every operation takes constant time; memory is bounded by `limit`.
 */
export function openVirtualAddresses(options: VirtualAddressOptions): VirtualAddresses {
  return new AddressPool(options)
}

class AddressPool implements VirtualAddresses {
  readonly #base: number
  readonly #limit: number
  readonly #now: () => number
  readonly #byAddress = new Map<Address, Place<Entry>>()
  readonly #byHost = new Map<Hostname, Place<Entry>>()
  /** What no connection holds, the least recently used first. */
  readonly #idle = new Recency<Entry>()
  #given = 0

  constructor({ pool, limit = defaultLimit, now = Date.now }: VirtualAddressOptions) {
    const bytes = bytesOf(pool.base)
    if (bytes.length !== 4 || pool.prefix < 8 || pool.prefix > 30) {
      throw new RangeError(`a pool of virtual addresses is an IPv4 block of /8 to /30, not /${pool.prefix}`)
    }
    this.#base = bytes.reduce((value, byte) => value * 256 + byte, 0)
    this.#limit = Math.min(limit, 2 ** (32 - pool.prefix) - 2)
    this.#now = now
  }

  assign(host: Hostname, ttlSeconds: number, flow: string): Address | undefined {
    const now = this.#now()
    const place = this.#byHost.get(host) ?? this.#give(host, now)
    if (place === undefined) return undefined
    place.value.flow = flow
    this.#keep(place, now + Math.max(leastKeptMs, ttlSeconds * 1_000))
    return place.value.address
  }

  lookup(address: Address): { readonly host: Hostname; readonly flow: string } | undefined {
    return this.#byAddress.get(address)?.value
  }

  hold(address: Address): Disposable {
    const place = this.#byAddress.get(address)
    if (place === undefined) return nothingHeld
    place.value.holds += 1
    this.#idle.remove(place)
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        place.value.holds -= 1
        this.#keep(place, this.#now() + leastKeptMs)
      },
    }
  }

  #keep(place: Place<Entry>, until: number): void {
    const entry = place.value
    entry.keepUntil = Math.max(entry.keepUntil, until)
    if (entry.holds === 0) this.#idle.use(place)
  }

  #give(host: Hostname, now: number): Place<Entry> | undefined {
    const address = this.#free(now)
    if (address === undefined) return undefined
    const place = placeOf<Entry>({ host, address, flow: '', keepUntil: 0, holds: 0 })
    this.#byAddress.set(address, place)
    this.#byHost.set(host, place)
    return place
  }

  #free(now: number): Address | undefined {
    if (this.#given < this.#limit) {
      this.#given += 1
      const value = this.#base + this.#given
      return addressFromBytes([24, 16, 8, 0].map(shift => (value >>> shift) & 255))
    }
    // Ordered by last use, so that if the first may not go, hardly another may: saying "exhausted" early is safe.
    const oldest = this.#idle.oldest
    if (oldest === undefined || oldest.value.keepUntil > now) return undefined
    this.#idle.remove(oldest)
    this.#byHost.delete(oldest.value.host)
    this.#byAddress.delete(oldest.value.address)
    return oldest.value.address
  }
}
