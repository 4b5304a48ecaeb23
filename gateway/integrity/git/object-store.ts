import { inflateSync } from 'node:zlib'
import { GatewayError } from '../../errors.ts'
import { namesIn, openPlain, readAt, readPlain, type OctetPath } from '../plain-file.ts'
import { applyDelta } from './delta.ts'
import { objectId, type ObjectFormat, type ObjectType } from './object-id.ts'
import { Pack } from './pack.ts'

export interface GitObject {
  readonly type: ObjectType
  readonly data: Buffer
}

/** Trees, commits and what we read of files are small; what is larger is not believed. */
const mostBytes = 64 * 1_024 * 1_024
const mostPacks = 2_000
const deepestAlternates = 5
/** git makes chains of 50 (pack.depth), at most 4,095. */
const longestChain = 4_095
const cacheBytes = 16 * 1_024 * 1_024

/**
 * The objects of a repository: loose, packed, and borrowed from others. Each object is hashed before it is believed, so
 * what a commit's id leads to is what was committed, whatever else the job has done to the folder.
 */
export class ObjectStore implements Disposable {
  readonly #format: ObjectFormat
  readonly #folders: readonly OctetPath[]
  #packs: readonly Pack[] | undefined
  readonly #resolved = new ResolvedCache()

  /** `folder`: its `objects`. */
  constructor(folder: OctetPath, format: ObjectFormat) {
    this.#format = format
    this.#folders = withAlternates(folder)
  }

  [Symbol.dispose](): void {
    for (const pack of this.#packs ?? []) pack[Symbol.dispose]()
    this.#packs = undefined
  }

  /**
   * An object by its whole id.
   * @throws GatewayError SOURCE_UNREADABLE when it is not there, or not what its id says
   */
  read(id: string): GitObject {
    const object = this.#loose(id) ?? this.#packed(id)
    if (object === undefined)
      throw new GatewayError('SOURCE_UNREADABLE', `git object ${id} is not in the repository`, {
        details: { object: id },
      })
    if (objectId(this.#format, object.type, object.data) !== id)
      throw new GatewayError('SOURCE_UNREADABLE', `git object ${id} is not what its id says`, {
        details: { object: id },
      })
    return object
  }

  /** The same, of one type. @throws GatewayError SOURCE_UNREADABLE */
  readAs(type: ObjectType, id: string): Buffer {
    const object = this.read(id)
    if (object.type === type) return object.data
    throw new GatewayError('SOURCE_UNREADABLE', `git object ${id} is a ${object.type}, and should be a ${type}`)
  }

  #loose(id: string): GitObject | undefined {
    for (const folder of this.#folders) {
      const opened = openPlain(`${folder}/${id.slice(0, 2)}/${id.slice(2)}`)
      if (typeof opened === 'string') continue
      using file = opened
      const size = Number(file.stats.size)
      if (size > mostBytes) throw broken(id, `it has more than ${mostBytes} bytes`)
      return parseLoose(id, readAt(file.fd, 0, size))
    }
    return undefined
  }

  #packed(id: string): GitObject | undefined {
    this.#packs ??= openPacks(this.#folders, this.#format)
    for (const pack of this.#packs) {
      const offset = pack.find(id)
      if (offset !== undefined) return this.#resolve(pack, offset)
    }
    return undefined
  }

  /** Follows deltas to their base, then applies them on the way back. */
  #resolve(pack: Pack, offset: number): GitObject {
    const deltas: { readonly at: number; readonly data: Buffer }[] = []
    let at = offset
    let object = this.#resolved.get(pack.path, at)
    while (object === undefined) {
      const entry = pack.read(at, mostBytes)
      if (entry.kind === 'whole') object = this.#resolved.keep(pack.path, at, entry)
      else {
        deltas.push({ at, data: entry.data })
        if (deltas.length > longestChain)
          throw new GatewayError('SOURCE_UNREADABLE', 'a git pack has a delta without end')
        // On disk a pack is whole: the base of each delta is in it.
        const base = typeof entry.base === 'number' ? entry.base : pack.find(entry.base)
        if (base === undefined) throw new GatewayError('SOURCE_UNREADABLE', 'a git pack has a delta without its base')
        at = base
        object = this.#resolved.get(pack.path, at)
      }
    }
    for (const delta of deltas.toReversed()) {
      const { type, data } = object
      object = this.#resolved.keep(pack.path, delta.at, { type, data: applyDelta(data, delta.data, mostBytes) })
    }
    return object
  }
}

/** Trees are deltas of each other: without what was just made, each would be made from the start. */
class ResolvedCache {
  readonly #kept = new Map<string, GitObject>()
  #bytes = 0

  get(pack: OctetPath, offset: number): GitObject | undefined {
    return this.#kept.get(`${offset} ${pack}`)
  }

  keep(pack: OctetPath, offset: number, { type, data }: GitObject): GitObject {
    const object = { type, data }
    if (data.length > cacheBytes / 8) return object
    this.#kept.set(`${offset} ${pack}`, object)
    this.#bytes += data.length
    for (const [key, oldest] of this.#kept) {
      if (this.#bytes <= cacheBytes) break
      this.#kept.delete(key)
      this.#bytes -= oldest.data.length
    }
    return object
  }
}

function parseLoose(id: string, packed: Buffer): GitObject {
  let whole: Buffer
  try {
    whole = inflateSync(packed, { maxOutputLength: mostBytes + 64 })
  } catch (cause) {
    throw broken(id, 'it cannot be inflated', cause)
  }
  const end = whole.indexOf(0)
  const [, type, size] = /^(commit|tree|blob|tag) (\d+)$/.exec(whole.toString('latin1', 0, Math.max(0, end))) ?? []
  const data = whole.subarray(end + 1)
  if (!isType(type) || Number(size) !== data.length) throw broken(id, 'its head is wrong')
  return { type, data }
}

function isType(text: string | undefined): text is ObjectType {
  return text === 'commit' || text === 'tree' || text === 'blob' || text === 'tag'
}

/** The folder itself, then those that it borrows from (gitrepository-layout(5), objects/info/alternates). */
function withAlternates(folder: OctetPath, depth = 0): readonly OctetPath[] {
  const list = depth < deepestAlternates ? readPlain(`${folder}/info/alternates`, 65_536) : 'missing'
  if (typeof list === 'string') return [folder]
  const others = list
    .toString('latin1')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .slice(0, 16)
    .map(line => (line.startsWith('/') ? line : `${folder}/${line}`))
  return [folder, ...others.flatMap(other => withAlternates(other, depth + 1))]
}

function openPacks(folders: readonly OctetPath[], format: ObjectFormat): readonly Pack[] {
  const names = folders.flatMap(folder => packNames(`${folder}/pack`)).slice(0, mostPacks)
  using opening = new DisposableStack()
  // One that was just written has no index yet, and one that git is deleting no pack: then the others have it.
  const packs = names.flatMap(name => {
    try {
      return [opening.use(Pack.open(name, format))]
    } catch (cause) {
      if (cause instanceof GatewayError) return []
      throw cause
    }
  })
  opening.move()
  return packs
}

/** A new repository may have none. */
function packNames(folder: OctetPath): readonly OctetPath[] {
  return (namesIn(folder) ?? [])
    .filter(name => /^pack-[0-9a-f]+\.idx$/.test(name))
    .map(name => `${folder}/${name.slice(0, -4)}`)
}

function broken(id: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `git object ${id} cannot be read: ${why}`, { cause })
}
