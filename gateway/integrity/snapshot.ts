import { lstatSync } from 'node:fs'
import { atOnce, blobAt, type Budget, markAt } from './content.ts'
import { namesIn, octets, type OctetPath } from './plain-file.ts'

/** A file of a watched folder that is not as it was. */
export interface Difference {
  /** Absolute. */
  readonly path: OctetPath
  readonly kind: 'added' | 'changed' | 'gone'
  /** Git blob ids, where they were asked for and not too much was to be read for them. */
  readonly before: string | undefined
  readonly after: string | undefined
}

interface Kept {
  readonly mark: string | undefined
  readonly id: string | undefined
  /** Where what it holds is compared: it is none of what is watched. */
  readonly isFolder: boolean
}

const mostNames = 20_000
/** What is hashed at the first look, in bytes. */
const firstBytes = 16 * 1_048_576

/** What is in a folder, by name: tells what became of it. Folders in it are not looked into. */
export class Snapshot {
  readonly folder: OctetPath
  readonly #hashes: boolean
  readonly #counts: (name: OctetPath) => boolean
  #kept: ReadonlyMap<OctetPath, Kept>

  /** `hashes`: what the files hold is kept too, as ids of blobs. `counts`: names that are looked at. */
  constructor(folder: OctetPath, hashes: boolean, counts: (name: OctetPath) => boolean = () => true) {
    this.folder = folder
    this.#hashes = hashes
    this.#counts = counts
    this.#kept = this.#read({ bytes: firstBytes })
  }

  has(name: OctetPath): boolean {
    return this.#kept.has(name)
  }

  /** What differs from when this was asked last. What the budget has nothing left for is taken to hold something else. */
  differences(budget: Budget): readonly Difference[] {
    const before = this.#kept
    this.#kept = this.#read(budget, before)
    const found: Difference[] = []
    for (const [name, { mark, id, isFolder }] of this.#kept) {
      const was = before.get(name)
      if (was?.mark === mark || (this.#hashes && was !== undefined && isSame(was, { id, isFolder }))) continue
      const after = this.#hashes ? id : this.#blobOf(name, budget)
      found.push({
        path: `${this.folder}/${name}`,
        kind: was === undefined ? 'added' : 'changed',
        before: was?.id,
        after,
      })
    }
    for (const [name, { id }] of before)
      if (!this.#kept.has(name))
        found.push({ path: `${this.folder}/${name}`, kind: 'gone', before: id, after: undefined })
    return found
  }

  #read(budget: Budget, before: ReadonlyMap<OctetPath, Kept> = new Map()): ReadonlyMap<OctetPath, Kept> {
    const names = (namesIn(this.folder) ?? []).filter(this.#counts).slice(0, mostNames)
    return new Map(
      names.map(name => {
        const mark = markAt(this.folder, name)
        const was = before.get(name)
        if (was !== undefined && was.mark === mark) return [name, was] as const
        if (!this.#hashes) return [name, { mark, id: undefined, isFolder: false }] as const
        const id = this.#blobOf(name, budget)
        return [name, { mark, id, isFolder: id === undefined && isFolderAt(`${this.folder}/${name}`) }] as const
      }),
    )
  }

  #blobOf(name: OctetPath, budget: Budget): string | undefined {
    return atOnce(blobAt(`${this.folder}/${name}`, 'sha1', budget))
  }
}

/** Of what could not be read nobody knows. */
function isSame(was: Omit<Kept, 'mark'>, is: Omit<Kept, 'mark'>): boolean {
  return was.id === undefined || is.id === undefined ? was.isFolder && is.isFolder : was.id === is.id
}

function isFolderAt(path: OctetPath): boolean {
  try {
    return lstatSync(octets(path)).isDirectory()
  } catch {
    // It is gone by now.
    return false
  }
}
