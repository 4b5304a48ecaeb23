import { GatewayError } from '../errors.ts'
import { Attributes } from './attributes.ts'
import type { Expected } from './content.ts'
import type { ObjectStore } from './git/object-store.ts'
import { type Repository, repositoryConfig } from './git/repository.ts'
import { objectsOf, readCommit, type TrackedFile } from './git/tracked-files.ts'
import { Ignored } from './ignored.ts'
import { type OctetPath, shownPath } from './plain-file.ts'

/** What a commit says of the work tree; paths are relative to the repository. */
export interface SourceTree {
  readonly commit: string
  readonly files: readonly Expected[]
  readonly folders: readonly OctetPath[]
  readonly ignored: Ignored
  /** Submodules that are not there. */
  readonly absent: readonly OctetPath[]
  /** Git folders of the repository and its submodules. */
  readonly repositories: readonly Repository[]
}

/**
 * Reads what a commit of a repository expects of the work tree. Nothing of the repository is run: no filter, no hook.
 * @throws GatewayError SOURCE_UNREADABLE
 */
export function readSourceTree(repository: Repository, revision = 'HEAD'): SourceTree {
  const { id, files, folders, settings, submodules, absent } = readCommit(repository, revision)
  const attributes = new Attributes(settings)
  const isCrlf = repositoryConfig(repository.commonDir).get('core.autocrlf') === 'true'
  using objects = objectsOf(repository)
  return {
    commit: id,
    files: files.map(file => expected(file, attributes, isCrlf, objects)),
    folders,
    ignored: new Ignored(settings),
    absent,
    repositories: [repository, ...submodules.values()],
  }
}

/** What of a commit is not watched, or not against its blobs; empty when there is nothing of the kind. */
export function exceptionsOf({ files, absent }: SourceTree): string {
  const unknown = files.filter(({ isUnknown }) => isUnknown).length
  const parts = [
    ...(absent.length === 0
      ? []
      : [`not checked out, so not watched: ${absent.slice(0, 5).map(shownPath).join(', ')}`]),
    ...(unknown === 0 ? [] : [`${unknown} files are rewritten by a filter of git: compared with what they hold now`]),
  ]
  return parts.join('; ')
}

function expected(file: TrackedFile, attributes: Attributes, isCrlf: boolean, objects: ObjectStore): Expected {
  const { isLfs, isText, isUnknown } = attributes.conversionOf(file.path)
  const base = { ...file, isText: isText || isCrlf }
  if (!isLfs) return { ...base, isUnknown }
  const pointer = lfsPointer(file.id, objects)
  return pointer === undefined ? { ...base, isUnknown: true } : { ...base, isUnknown: false, lfs: pointer }
}

const longestPointer = 1_024

/** A pointer of Git LFS (its docs/spec.md): the content's SHA-256. Undefined for another file under that filter. */
function lfsPointer(id: string, objects: ObjectStore): string | undefined {
  try {
    const blob = objects.readAs('blob', id)
    if (blob.length > longestPointer) return undefined
    const text = blob.toString('latin1')
    if (!text.startsWith('version https://git-lfs.github.com/spec/v1\n')) return undefined
    return /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1]
  } catch (cause) {
    // A submodule's blob lies in its own repository, a partial clone's not here at all.
    if (cause instanceof GatewayError) return undefined
    throw cause
  }
}
