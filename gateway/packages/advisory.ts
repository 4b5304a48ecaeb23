import type { Asked, Ecosystem } from './asked.ts'
import { field, listField, textField } from './json.ts'
import { packageId } from './package-name.ts'
import { normalName } from './registries/pypi.ts'
import { orderOf } from './versions/range.ts'

/** What one OSV entry says of one package. https://ossf.github.io/osv-schema/ */
export interface Advisory {
  /** `MAL-2024-1`, `GHSA-…` */
  readonly id: string
  readonly versions: ReadonlySet<string>
  readonly ranges: readonly (readonly Event[])[]
}

interface Event {
  readonly kind: 'introduced' | 'fixed' | 'last_affected' | 'limit'
  readonly version: string
}

const kinds = ['introduced', 'fixed', 'last_affected', 'limit'] as const

/** The names of ecosystems in OSV, by which are before a colon the ones that have releases. */
const ecosystems: Readonly<Record<string, Ecosystem>> = {
  npm: 'npm',
  PyPI: 'pypi',
  Maven: 'maven',
  NuGet: 'nuget',
  Go: 'golang',
  'crates.io': 'cargo',
  RubyGems: 'gem',
  Debian: 'deb',
  Ubuntu: 'deb',
  Alpine: 'apk',
}

/**
 * Reads one entry: packages by their id, each with what is said of it. An entry that was withdrawn says nothing, nor does
 * one of an ecosystem that we do not know.
 * @throws TypeError when it is no OSV entry
 */
export function readAdvisories(entry: unknown): readonly (readonly [packageId: string, Advisory])[] {
  const id = textField(entry, 'id')
  const affected: unknown = field(entry, 'affected')
  if (id === undefined) throw new TypeError('it is no OSV entry: it has no id')
  if (affected !== undefined && !Array.isArray(affected)) throw new TypeError(`${id}: \`affected\` is no list`)
  if (textField(entry, 'withdrawn') !== undefined) return []
  return listField(entry, 'affected').flatMap(one => {
    const about = field(one, 'package')
    const ecosystem = ecosystems[textField(about, 'ecosystem')?.split(':')[0] ?? '']
    const name = textField(about, 'name')
    if (ecosystem === undefined || name === undefined) return []
    const versions = new Set(listField(one, 'versions').filter(version => typeof version === 'string'))
    const ranges = listField(one, 'ranges')
      // Ranges of commits say nothing of versions.
      .filter(range => textField(range, 'type') !== 'GIT')
      .map(range => listField(range, 'events').flatMap(readEvent))
      .filter(events => events.length > 0)
    return [[idOf(ecosystem, name), { id, versions, ranges }] as const]
  })
}

function readEvent(event: unknown): readonly Event[] {
  return kinds.flatMap(kind => {
    const version = textField(event, kind)
    return version === undefined ? [] : [{ kind, version }]
  })
}

function idOf(ecosystem: Ecosystem, written: string): string {
  const name = ecosystem === 'pypi' ? normalName(written) : ecosystem === 'maven' ? written.replace(':', '/') : written
  const slash = name.lastIndexOf('/')
  return slash === -1
    ? packageId({ ecosystem, name })
    : packageId({ ecosystem, namespace: name.slice(0, slash), name: name.slice(slash + 1) })
}

/**
 * Does it speak of this version? What cannot be compared counts as meant where an order is known; where none is, only
 * what is listed, and ranges without an end. Of a file that is asked for without a version, as the newest, each speaks.
 */
export function speaksOf({ versions, ranges }: Advisory, { ecosystem, version }: Asked): boolean {
  if (version === undefined) return true
  // Go's versions have a `v` that OSV leaves out.
  const plain = ecosystem === 'golang' ? version.replace(/^v/, '') : version
  return versions.has(version) || versions.has(plain) || ranges.some(events => isWithin(events, ecosystem, plain))
}

function isWithin(events: readonly Event[], ecosystem: Ecosystem, version: string): boolean {
  const isEndless = events.every(({ kind, version: at }) => kind === 'introduced' && at === '0')
  if (isEndless) return true
  const compare = orderOf(ecosystem)
  if (compare === undefined) return false
  let isMeant = false
  const ordered = events.toSorted((a, b) =>
    a.version === '0' ? -1 : b.version === '0' ? 1 : (compare(a.version, b.version) ?? 0),
  )
  for (const { kind, version: at } of ordered) {
    const order = at === '0' ? 1 : compare(version, at)
    if (order === undefined) return true
    if (kind === 'introduced' && order >= 0) isMeant = true
    if ((kind === 'fixed' || kind === 'limit') && order >= 0) isMeant = false
    if (kind === 'last_affected' && order > 0) isMeant = false
  }
  return isMeant
}
