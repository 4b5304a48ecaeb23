import type { Asked } from './asked.ts'
import { isEcosystem, packageId } from './package-name.ts'
import { readRange, type InRange } from './versions/range.ts'

/** One line of `packages.deny`, understood. */
export interface DeniedPackage {
  readonly text: string
  readonly id: string
  /** Absent: every version. */
  readonly range?: InRange
}

/** Reads `pkg:TYPE/NAME`, with a version or a range after `@`; else says why it cannot be read. */
export function readDenied(text: string): DeniedPackage | { readonly fault: string } {
  const [, type = '', rest = ''] = /^pkg:([a-z][a-z0-9.+-]*)\/(.+)$/.exec(text) ?? []
  if (!isEcosystem(type)) return { fault: `packages of type ${type} are not known here` }
  const at = rest.lastIndexOf('@')
  // The `@` of an npm scope stands at the beginning of the name.
  const hasVersion = at > 0 && rest[at - 1] !== '/'
  const path = decoded(hasVersion ? rest.slice(0, at) : rest)
  const range = decoded(hasVersion ? rest.slice(at + 1) : '')
  if (path === undefined || range === undefined) return { fault: 'it is not validly escaped' }
  const slash = path.lastIndexOf('/')
  const named = { namespace: slash === -1 ? undefined : path.slice(0, slash), name: path.slice(slash + 1) }
  if (named.name === '') return { fault: 'it names no package' }
  const id = packageId({ ecosystem: type, ...named })
  if (!hasVersion) return { text, id }
  const read = readRange(type, range)
  return typeof read === 'function' ? { text, id, range: read } : read
}

/**
 * Is this denied? A version only as a file: what others need of it to be chosen (Go reads the `go.mod` of versions that it
 * never builds, pip the metadata of wheels that it never takes) is denied only where every version is. A version that
 * cannot be compared is denied, and a file that is asked for without one.
 */
export function isDenied({ id, range, text }: DeniedPackage, asked: Asked): boolean {
  if (!idsOf(asked).includes(id)) return false
  if (range === undefined) return true
  if (asked.kind !== 'artifact') return false
  const versions = [asked.version, asked.qualifiers?.['tag']].filter(version => version !== undefined)
  // The newest, whichever that is.
  if (versions.length === 0) return true
  return versions.some(version => lacksEpoch(asked, version, text) || (range(version) ?? true))
}

/** The name of a Debian file has no epoch: where no index was read that has it, a range with one compares with nothing. */
function lacksEpoch({ ecosystem }: Asked, version: string, text: string): boolean {
  return ecosystem === 'deb' && !version.includes(':') && /\d(?::|%3a)/i.test(text)
}

/** An image is also meant by the last part of its name, which is all of it that a package URL has. */
function idsOf(asked: Asked): readonly string[] {
  const own = packageId(asked)
  return asked.ecosystem === 'oci' ? [own, packageId({ ecosystem: 'oci', name: asked.name })] : [own]
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
