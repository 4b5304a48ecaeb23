import { hash } from 'node:crypto'
import type { Asked } from './asked.ts'
import { isSameFile } from './same-package.ts'

/** What a registry has named an address for: in its metadata, or by redirecting there. */
export interface Place {
  readonly registry: string
  readonly asked: Asked
}

/** An address that was named for two files. */
export interface Contested {
  /** Without its query, which may hold a signature. */
  readonly address: string
  readonly places: readonly [Place, Place]
}

/** Whose an address is that was named for two files: nothing that was said of either is held against what is there. */
const nobody = 'nobody'

/** Addresses that registries have named, in bounded number: what was named first is forgotten first. */
export class Places {
  readonly #named = new Map<string, Place | typeof nobody>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /** `url` is absolute, or relative to `base`; what is no URL is no place. Tells once of an address that becomes nobody's. */
  learn(url: string, base: string, place: Place): Contested | undefined {
    const parsed = URL.parse(url, base)
    if (parsed === null) return undefined
    const key = keyOf(parsed)
    const held = this.#named.get(key)
    const isContested = held === nobody || (held !== undefined && !isSameFile(held.asked, place.asked))
    this.#named.delete(key)
    this.#named.set(key, isContested ? nobody : moreExact(held, place))
    for (const oldest of this.#named.keys()) {
      if (this.#named.size <= this.#most) break
      this.#named.delete(oldest)
    }
    if (!isContested || held === nobody) return undefined
    return { address: `${parsed.origin}${parsed.pathname}`, places: [held, place] }
  }

  /**
   * What this address was named for. One with a query that nobody has named may also be what its path alone was named for, with a signature that
   * the client has added; never the other way round: of `/download?id=a` nothing follows for `/download?id=b`.
   */
  of(url: string): Place | undefined {
    const parsed = URL.parse(url)
    if (parsed === null) return undefined
    const exact = this.#named.get(keyOf(parsed))
    parsed.search = ''
    const found = exact ?? this.#named.get(keyOf(parsed))
    return found === nobody ? undefined : found
  }
}

/** The query as a digest: signed ones are a kilobyte long, and secret. */
function keyOf({ origin, pathname, search }: URL): string {
  const path = `${origin}${sameEscapes(pathname)}`
  return search === '' ? path : `${path}?${hash('sha256', sameEscapes(search), 'base64')}`
}

/** Clients write an address that they are given with other escapes (`~` for `%7E`): here all do alike (RFC 3986 §6.2.2). */
function sameEscapes(text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/%[0-9a-f]{2}/gi, escape => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase()
  })
}

/** Of two names for one file the one that has its version. */
function moreExact(held: Place | undefined, place: Place): Place {
  return held?.asked.version !== undefined && place.asked.version === undefined ? held : place
}
