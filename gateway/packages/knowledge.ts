import type { Asked, Digests, Release } from './asked.ts'
import { isSameDigest } from './hex.ts'
import { type Contested, type Place, Places } from './places.ts'

/** What a registry has said of one file, and what came in of it. */
export interface Facts {
  digests: Digests
  version: string | undefined
  publishedAt: number | undefined
  publishedBefore: number | undefined
  /** Digests of the body that came in last. */
  came: Digests | undefined
}

/** What was found wrong in what a registry says. */
export interface Learned {
  /** Files that had come in and are something else. */
  readonly broken: readonly Asked[]
  /** Addresses that were named for two files. */
  readonly contested: readonly Contested[]
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
  readonly #places: Places
  readonly #most: number
  #releases = 0

  constructor(most = { releases: mostReleases, places: mostPlaces }) {
    this.#most = most.releases
    this.#places = new Places(most.places)
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

  /** Takes what metadata says; `base` is where it came from. */
  learn(registry: string, asked: Asked, releases: readonly Release[], base: string): Learned {
    const broken: Asked[] = []
    const contested: Contested[] = []
    for (const told of releases) {
      const release = asked.kind === 'index' ? byAddress(told, base) : told
      const about = fileOf(asked, release)
      const facts = this.#take(registry, about, release)
      if (facts.came !== undefined && compare(release.digests, facts.came) === 'broken') broken.push(about)
      if (release.url === undefined || isAtHome(release, asked, base)) continue
      const found = this.#places.learn(release.url, base, { registry, asked: about })
      if (found !== undefined) contested.push(found)
    }
    return { broken, contested }
  }

  /** A file has come in. */
  arrived(registry: string, asked: Asked, came: Digests): void {
    if (asked.key === undefined) return
    this.#take(registry, asked, { key: asked.key, version: asked.version, digests: {} }).came = came
  }

  /** What is asked for at `location` is what was asked of `registry`. */
  redirected(location: string, base: string, place: Place): Contested | undefined {
    return this.#places.learn(location, base, place)
  }

  /** What a registry has named this address for. */
  placeOf(address: string): Place | undefined {
    return this.#places.of(address)
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
      if (this.#releases <= this.#most) return
      if (key === kept) continue
      this.#packages.delete(key)
      this.#releases -= files.size
    }
    const files = this.#packages.get(kept)
    for (const file of files?.keys() ?? []) {
      if (this.#releases <= this.#most) return
      files?.delete(file)
      this.#releases -= 1
    }
  }
}

/** Scheme, host, port where it is not the scheme's own, path and query. Undefined for what is no URL. */
function addressOf(url: string, base: string): string | undefined {
  const parsed = URL.parse(url, base)
  return parsed === null ? undefined : `${parsed.origin}${parsed.pathname}${parsed.search}`
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
