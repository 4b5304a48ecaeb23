import { blobAt, markAt } from './content.ts'
import { namesIn, type OctetPath } from './plain-file.ts'

/** A file of a watched folder that is not as it was. */
export interface Difference {
  /** Absolute. */
  readonly path: OctetPath
  readonly kind: 'added' | 'changed' | 'gone'
  /** Git blob ids, where they were asked for. */
  readonly before: string | undefined
  readonly after: string | undefined
}

interface Kept {
  readonly mark: string | undefined
  readonly id: string | undefined
}

const mostNames = 20_000

/** What is in a folder, by name: tells what became of it. Folders in it are not looked into. */
export class Snapshot {
  readonly folder: OctetPath
  readonly #hashes: boolean
  #kept: ReadonlyMap<OctetPath, Kept>

  /** `hashes`: what the files hold is kept too, as ids of blobs. */
  constructor(folder: OctetPath, hashes: boolean) {
    this.folder = folder
    this.#hashes = hashes
    this.#kept = this.#read()
  }

  has(name: OctetPath): boolean {
    return this.#kept.has(name)
  }

  /** What differs from when this was asked last. */
  differences(): readonly Difference[] {
    const before = this.#kept
    this.#kept = this.#read(before)
    const found: Difference[] = []
    for (const [name, { mark, id }] of this.#kept) {
      const was = before.get(name)
      if (was?.mark === mark || (this.#hashes && was !== undefined && was.id === id)) continue
      const after = id ?? blobAt(`${this.folder}/${name}`, 'sha1')
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

  #read(before: ReadonlyMap<OctetPath, Kept> = new Map()): ReadonlyMap<OctetPath, Kept> {
    return new Map(
      (namesIn(this.folder) ?? []).slice(0, mostNames).map(name => {
        const mark = markAt(this.folder, name)
        const was = before.get(name)
        if (!this.#hashes || was?.mark === mark)
          return [name, { mark, id: was?.mark === mark ? was?.id : undefined }] as const
        return [name, { mark, id: blobAt(`${this.folder}/${name}`, 'sha1') }] as const
      }),
    )
  }
}
