import type { Asked, Digests, Release } from './asked.ts'
import { isSameDigest } from './hex.ts'

/** What a registry has said of one file, and what came in of it. */
export interface Facts {
  digests: Digests
  version: string | undefined
  publishedAt: number | undefined
  publishedBefore: number | undefined
  /** Digests of the body that came in last. */
  came: Digests | undefined
}

/** A place that a registry has named: an address in its metadata, or where it redirects to. */
interface Place {
  readonly registry: string
  readonly asked: Asked
}

/** Most files that are remembered; with 500 bytes each some 50 MB, reached by builds with thousands of packages. */
const mostReleases = 100_000
const mostPlaces = 50_000

/**
 * What registries have told one job, in bounded memory: the packages that were heard of first are forgotten first, and of
 * what is forgotten nothing is promised.
 */
export class Knowledge {
  /** By registry and package; inside by file. */
  readonly #packages = new Map<string, Map<string, Facts>>()
  readonly #places = new Map<string, Place>()
  readonly #most: { readonly releases: number; readonly places: number }
  #releases = 0

  constructor(most = { releases: mostReleases, places: mostPlaces }) {
    this.#most = most
  }

  /** What is known of a file that is asked of `registry`. */
  factsOf(registry: string, asked: Asked): Facts | undefined {
    if (asked.key === undefined) return undefined
    const files = this.#packages.get(packageKey(registry, asked))
    const facts = files?.get(asked.key)
    // The list of a Maven artifact's versions says of each how old it is at least, and names no files.
    const ofVersion = asked.version === undefined ? undefined : files?.get(asked.version)
    if (facts === undefined || ofVersion === undefined || facts === ofVersion) return facts ?? ofVersion
    return { ...facts, publishedBefore: facts.publishedBefore ?? ofVersion.publishedBefore }
  }

  /** Takes what metadata says; `base` is where it came from. Tells of each file that had come in and is something else. */
  learn(registry: string, asked: Asked, releases: readonly Release[], base: string): readonly Asked[] {
    return releases.flatMap(told => {
      const release = asked.kind === 'index' ? byAddress(told, base) : told
      const about = fileOf(asked, release)
      const facts = this.#take(registry, about, release)
      if (release.url !== undefined && !isAtHome(release, asked, base))
        this.#learnPlace(release.url, base, { registry, asked: about })
      return facts.came !== undefined && compare(release.digests, facts.came) === 'broken' ? [about] : []
    })
  }

  /** A file has come in. */
  arrived(registry: string, asked: Asked, came: Digests): void {
    if (asked.key === undefined) return
    this.#take(registry, asked, { key: asked.key, version: asked.version, digests: {} }).came = came
  }

  /** What is asked for at `location` is what was asked of `registry`. */
  redirected(location: string, base: string, place: Place): void {
    this.#learnPlace(location, base, place)
  }

  /** What a registry has named this address for; `address` is scheme, host and path. */
  placeOf(address: string): Place | undefined {
    return this.#places.get(address)
  }

  #take(registry: string, asked: Asked, release: Release): Facts {
    const key = packageKey(registry, asked)
    let files = this.#packages.get(key)
    if (files === undefined) {
      files = new Map()
      this.#packages.set(key, files)
    }
    const known = files.get(release.key)
    const facts: Facts = known ?? {
      digests: {},
      version: undefined,
      publishedAt: undefined,
      publishedBefore: undefined,
      came: undefined,
    }
    facts.digests = known === undefined ? release.digests : agreed(facts.digests, release.digests)
    facts.version ??= release.version
    facts.publishedAt = release.publishedAt ?? facts.publishedAt
    facts.publishedBefore = release.publishedBefore ?? facts.publishedBefore
    if (known === undefined) {
      files.set(release.key, facts)
      this.#releases += 1
      this.#forget(key)
    }
    return facts
  }

  #forget(kept: string): void {
    for (const [key, files] of this.#packages) {
      if (this.#releases <= this.#most.releases) return
      if (key === kept) continue
      this.#packages.delete(key)
      this.#releases -= files.size
    }
    const files = this.#packages.get(kept)
    for (const file of files?.keys() ?? []) {
      if (this.#releases <= this.#most.releases) return
      files?.delete(file)
      this.#releases -= 1
    }
  }

  #learnPlace(url: string, base: string, place: Place): void {
    const address = addressOf(url, base)
    if (address === undefined) return
    this.#places.delete(address)
    this.#places.set(address, place)
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= this.#most.places) return
      this.#places.delete(oldest)
    }
  }
}

/** Scheme, host, port where it is not the scheme's own, and path: what a place is known by. Undefined for what is no URL. */
export function addressOf(url: string, base?: string): string | undefined {
  const parsed = URL.parse(url, base)
  return parsed === null ? undefined : `${parsed.origin}${parsed.pathname}`
}

/** Do they say the same of a file? `none` where they have no algorithm in common. */
export function compare(promised: Digests, came: Digests): 'kept' | 'broken' | 'none' {
  let found: 'kept' | 'none' = 'none'
  for (const algorithm of ['sha512', 'sha256', 'sha1'] as const) {
    const [said, got] = [promised[algorithm], came[algorithm]]
    if (said === undefined || got === undefined) continue
    if (!isSameDigest(said, got)) return 'broken'
    found = 'kept'
  }
  return found
}

/** What both say, or one alone; where they differ, nobody knows which of two registries on one host is meant. */
function agreed(before: Digests, now: Digests): Digests {
  return compare(before, now) === 'broken' ? {} : { ...before, ...now }
}

/** One host may have many archives with a file of this name each: the address tells them apart. */
function byAddress(release: Release, base: string): Release {
  return { ...release, key: addressOf(release.url ?? release.key, base) ?? release.key }
}

/** Is a file where it would be looked for anyway? */
function isAtHome({ url = '', usualPath }: Release, { root = '' }: Asked, base: string): boolean {
  if (usualPath === undefined) return false
  const home = URL.parse(base)?.origin
  return home !== undefined && addressOf(url, base) === `${home}${root}${usualPath}`
}

/** Public registries that have their index and their files on hosts of their own. */
const oneRegistry: Readonly<Record<string, string>> = {
  'index.crates.io': 'crates.io',
  'static.crates.io': 'crates.io',
  'index.rubygems.org': 'rubygems.org',
}

function packageKey(registry: string, { ecosystem, namespace = '', name, root = '' }: Asked): string {
  const whose = `${ecosystem} ${oneRegistry[registry] ?? registry}${root}`
  // An archive's index speaks of many packages, each by its address.
  return ecosystem === 'deb' ? whose : `${whose} ${namespace}/${name}`.toLowerCase()
}

function fileOf(asked: Asked, { key, version, name, qualifiers: own }: Release): Asked {
  const { checksum: _, ...kept } = asked.qualifiers ?? {}
  const qualifiers = { ...kept, ...own }
  return { ...asked, kind: 'artifact', name: name ?? asked.name, version: version ?? asked.version, key, qualifiers }
}
