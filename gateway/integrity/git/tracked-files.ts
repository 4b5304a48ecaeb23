import { GatewayError } from '../../errors.ts'
import type { OctetPath } from '../plain-file.ts'
import type { ObjectFormat } from './object-id.ts'
import { ObjectStore } from './object-store.ts'
import { parseTree, treeOf } from './parse-objects.ts'
import { findCommit, findRepository, type Repository } from './repository.ts'

/** A file as a commit has it. */
export interface TrackedFile {
  /** Relative to the work tree that was asked for, also in a submodule. */
  readonly path: OctetPath
  readonly kind: 'file' | 'executable' | 'link'
  /** Of its blob. */
  readonly id: string
  readonly format: ObjectFormat
}

/** All that a commit tracks. */
export interface Commit {
  readonly id: string
  readonly files: readonly TrackedFile[]
  /** Folders that hold tracked files or folders, the root as ''; sorted as git has them. */
  readonly folders: readonly OctetPath[]
  /** What git reads of the commit itself, `.gitignore` and `.gitattributes`, by path. */
  readonly settings: ReadonlyMap<OctetPath, Buffer>
  /** Submodules that are checked out, by path. */
  readonly submodules: ReadonlyMap<OctetPath, Repository>
  /** Submodules that are not there, or cannot be read: nothing of them is watched. */
  readonly absent: readonly OctetPath[]
}

const mostFiles = 500_000
const deepestFolder = 1_000
const deepestSubmodule = 8
const mostSettings = 10_000

/**
 * Reads what a commit of a repository tracks, with its submodules as far as they are checked out.
 * @throws GatewayError SOURCE_UNREADABLE
 */
export function readCommit(repository: Repository, revision: string): Commit {
  using objects = objectsOf(repository)
  const id = findCommit(repository, objects, revision)
  const reading = new CommitReading()
  reading.commit(repository, objects, id, '', 0)
  const { files, folders, settings, submodules, absent } = reading
  return { id, files, folders, settings, submodules, absent }
}

/** The objects of a repository; see there. */
export function objectsOf({ commonDir, format }: Repository): ObjectStore {
  return new ObjectStore(`${commonDir}/objects`, format)
}

interface Folder {
  readonly path: OctetPath
  readonly tree: string
  readonly depth: number
}

class CommitReading {
  readonly files: TrackedFile[] = []
  readonly folders: OctetPath[] = []
  readonly settings = new Map<OctetPath, Buffer>()
  readonly submodules = new Map<OctetPath, Repository>()
  readonly absent: OctetPath[] = []

  commit(repository: Repository, objects: ObjectStore, id: string, prefix: OctetPath, nesting: number): void {
    const { format } = repository
    const root = treeOf(format, objects.readAs('commit', id))
    const waiting: Folder[] = [{ path: prefix, tree: root, depth: 0 }]
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      const { path, tree, depth } = folder
      if (depth > deepestFolder || this.folders.length > mostFiles) throw tooMany()
      this.folders.push(path)
      for (const entry of parseTree(format, objects.readAs('tree', tree))) {
        const at = path === '' ? entry.name : `${path}/${entry.name}`
        if (entry.kind === 'folder') waiting.push({ path: at, tree: entry.id, depth: depth + 1 })
        else if (entry.kind === 'submodule') this.#submodule(repository, at, prefix, entry.id, nesting)
        else this.#file({ path: at, kind: entry.kind, id: entry.id, format }, entry.name, objects)
      }
    }
  }

  #file(file: TrackedFile, name: OctetPath, objects: ObjectStore): void {
    if (this.files.length >= mostFiles) throw tooMany()
    this.files.push(file)
    const isSetting = (name === '.gitignore' || name === '.gitattributes') && file.kind !== 'link'
    if (isSetting && this.settings.size < mostSettings) this.settings.set(file.path, objects.readAs('blob', file.id))
  }

  #submodule(parent: Repository, path: OctetPath, prefix: OctetPath, id: string, nesting: number): void {
    const inParent = prefix === '' ? path : path.slice(prefix.length + 1)
    try {
      const repository = nesting < deepestSubmodule ? findRepository(`${parent.workTree}/${inParent}`) : undefined
      if (repository === undefined) return void this.absent.push(path)
      using objects = objectsOf(repository)
      this.commit(repository, objects, id, path, nesting + 1)
      this.submodules.set(path, repository)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      // Its commit may not be fetched: then only it is left out, and that is said.
      this.absent.push(path)
    }
  }
}

function tooMany(): GatewayError {
  return new GatewayError(
    'SOURCE_UNREADABLE',
    `a commit tracks more than ${mostFiles} files, or deeper than ${deepestFolder} folders`,
  )
}
