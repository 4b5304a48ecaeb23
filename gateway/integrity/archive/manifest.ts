import { createHash } from 'node:crypto'
import type { SourceTree } from '../baseline.ts'
import type { Expected } from '../content.ts'
import { objectId, type ObjectFormat } from '../git/object-id.ts'
import { allowedOutputs } from '../ignored.ts'
import type { OctetPath } from '../plain-file.ts'
import type { TarEntry } from './tar.ts'

/** Something in an archive that its commit does not say. */
export interface Stranger {
  readonly path: OctetPath
  readonly what: 'not-in-git' | 'differs' | 'no-file'
}

export interface Comparison {
  readonly strangers: readonly Stranger[]
  /** Files that are as in the commit. */
  readonly same: number
  /** Files of the commit that the archive leaves out: `export-ignore`, or a release that needs fewer. */
  readonly missing: number
  /** Folder that the archive puts everything in; '' for none. */
  readonly top: OctetPath
}

interface Packed {
  readonly path: OctetPath
  readonly kind: TarEntry['kind']
  /** Of its blob; undefined for what has none. */
  readonly id: string | undefined
  /** Of its content: what Git LFS keeps. */
  readonly sha256: string | undefined
}

/**
 * Compares the files of a source archive with a commit: what the archive holds must be in git, with the same content.
 * `allow`: globs of what a release adds (`configure`, `Makefile.in`), as in `integrity.allow`.
 */
export async function compareArchive(
  entries: AsyncIterable<TarEntry>,
  tree: SourceTree,
  allow: readonly string[],
): Promise<Comparison> {
  const format: ObjectFormat = tree.files[0]?.format ?? 'sha1'
  const packed: Packed[] = []
  for await (const entry of entries) {
    const path = normal(entry.path)
    if (entry.kind === 'folder' || path === '') continue
    packed.push({ path, kind: entry.kind, ...(await idsOf(entry, format, packed)) })
  }
  const top = commonFolder(packed.map(({ path }) => path))
  const isAllowed = allowedOutputs(allow)
  const files = new Map(tree.files.map(file => [file.path, file]))
  const seen = new Set<OctetPath>()
  const strangers: Stranger[] = []
  let same = 0
  for (const entry of packed) {
    const path = top === '' ? entry.path : entry.path.slice(top.length + 1)
    const file = files.get(path)
    if (file !== undefined) seen.add(path)
    if (isAllowed(path, false)) continue
    const what = judge(entry, file)
    if (what === undefined) same += 1
    else strangers.push({ path, what })
  }
  return { strangers, same, missing: files.size - seen.size, top }
}

function judge({ kind, id, sha256 }: Packed, file: Expected | undefined): Stranger['what'] | undefined {
  if (kind === 'other') return 'no-file'
  if (file === undefined) return 'not-in-git'
  const isLink = kind === 'link'
  if (isLink !== (file.kind === 'link')) return 'differs'
  return id === file.id || (file.lfs !== undefined && sha256 === file.lfs) ? undefined : 'differs'
}

/** A hard link holds what an earlier entry does. */
async function idsOf(
  entry: TarEntry,
  format: ObjectFormat,
  before: readonly Packed[],
): Promise<Pick<Packed, 'id' | 'sha256'>> {
  if (entry.kind === 'link')
    return { id: objectId(format, 'blob', Buffer.from(entry.target, 'latin1')), sha256: undefined }
  if (entry.kind === 'hard-link') {
    const target = before.findLast(({ path }) => path === normal(entry.target))
    return { id: target?.id, sha256: target?.sha256 }
  }
  const blob = createHash(format).update(`blob ${entry.size}\0`)
  const plain = createHash('sha256')
  for await (const piece of entry.content) {
    blob.update(piece)
    plain.update(piece)
  }
  return { id: blob.digest('hex'), sha256: plain.digest('hex') }
}

/** Without `./` and doubled slashes; a name that leads out stays what it is, and is in no commit. */
function normal(path: OctetPath): OctetPath {
  return path
    .split('/')
    .filter(name => name !== '' && name !== '.')
    .join('/')
}

/** Archives put everything in one folder, as `name-1.2/`. */
function commonFolder(paths: readonly OctetPath[]): OctetPath {
  const [first = ''] = paths
  const top = first.includes('/') ? first.slice(0, first.indexOf('/')) : ''
  return top !== '' && paths.every(path => path.startsWith(`${top}/`)) ? top : ''
}
