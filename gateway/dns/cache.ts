import { placeOf, Recency, type Place } from '../jobs/recency.ts'

/** Bounds of a cache. */
export interface CacheLimits {
  readonly entries: number
  readonly bytes: number
}

interface Entry<Value> {
  readonly key: string
  readonly value: Value
  readonly bytes: number
  readonly expiresAt: number
}

/** Keeps values until they expire, the least recently used going first when there are too many of them or too much. */
export class ExpiringCache<Value> {
  readonly #limits: CacheLimits
  readonly #entries = new Map<string, Place<Entry<Value>>>()
  readonly #recency = new Recency<Entry<Value>>()
  #bytes = 0

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  /** Number of entries, expired ones that nobody asked for included. */
  get size(): number {
    return this.#entries.size
  }

  /** Sum of the sizes given to `set()`. */
  get bytes(): number {
    return this.#bytes
  }

  /** The value, unless it is gone or `now` (milliseconds) is past its time. */
  get(key: string, now: number): Value | undefined {
    const place = this.#entries.get(key)
    if (place === undefined) return undefined
    if (place.value.expiresAt <= now) {
      this.#delete(place)
      return undefined
    }
    this.#recency.use(place)
    return place.value.value
  }

  /** Keeps `value`, whose size is `bytes`, until `expiresAt`; a value larger than the whole cache is not kept. */
  set(key: string, value: Value, bytes: number, expiresAt: number): void {
    const before = this.#entries.get(key)
    if (before !== undefined) this.#delete(before)
    if (bytes > this.#limits.bytes) return
    const place = placeOf({ key, value, bytes, expiresAt })
    this.#entries.set(key, place)
    this.#recency.use(place)
    this.#bytes += bytes
    while (this.#entries.size > this.#limits.entries || this.#bytes > this.#limits.bytes) {
      const oldest = this.#recency.oldest
      if (oldest === undefined) return
      this.#delete(oldest)
    }
  }

  #delete(place: Place<Entry<Value>>): void {
    this.#recency.remove(place)
    this.#entries.delete(place.value.key)
    this.#bytes -= place.value.bytes
  }
}
