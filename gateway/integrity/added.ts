import { lstatSync } from 'node:fs'
import type { ProcessInfo } from '../record/event.ts'
import { folderOf } from './ignored.ts'
import { isExact, namesIn, octets, type OctetPath } from './plain-file.ts'

/** A file or folder that came among the tracked files. */
export interface Addition {
  /** Relative to the workspace. */
  readonly path: OctetPath
  readonly isFolder: boolean
  readonly process: ProcessInfo | undefined
}

interface Candidate {
  readonly process: ProcessInfo | undefined
  readonly at: number
}

/** Files that tools write beside a source and rename or remove are gone by then, in milliseconds. */
const stayMs = 300
const mostCandidates = 10_000
const mostKnown = 100_000

/** What is not tracked in folders that hold tracked files. A folder is told as one; nobody looks into it. */
export class Added {
  readonly #root: OctetPath
  readonly #now: () => number
  readonly #candidates = new Map<OctetPath, Candidate>()
  /** What was there at the baseline, or was told. */
  readonly #known = new Set<OctetPath>()
  #overflowed = false
  #wasTold = false

  constructor(root: OctetPath, now: () => number) {
    this.#root = root
    this.#now = now
  }

  /** True once when there was more than can be kept. */
  takeOverflow(): boolean {
    const isNew = this.#overflowed && !this.#wasTold
    this.#wasTold ||= isNew
    return isNew
  }

  /** What is in these folders now is nothing new; `isKept`: is none in any case. */
  know(folders: Iterable<OctetPath>, isKept: (path: OctetPath) => boolean): void {
    for (const path of this.#listed(folders)) if (!isKept(path)) this.#keep(path)
  }

  /** Something appeared in a folder with tracked files, or went from there. */
  notice(path: OctetPath, process: ProcessInfo | undefined): void {
    if (this.#known.has(path) || this.#candidates.has(path)) return
    if (this.#candidates.size >= mostCandidates) this.#overflowed = true
    else this.#candidates.set(path, { process, at: this.#now() })
  }

  /** Takes what has stayed. `isHeld`: cannot be said yet. */
  take(isHeld: (path: OctetPath) => boolean, isLast = false): readonly Addition[] {
    const now = this.#now()
    const stayed: Addition[] = []
    for (const [path, { process, at }] of this.#candidates) {
      // In the order in which they came.
      if (!isLast && now - at < stayMs) break
      if (!isLast && isHeld(path)) continue
      this.#candidates.delete(path)
      const isFolder = kindOf(this.#root, path)
      if (isFolder === undefined) continue
      this.#keep(path)
      stayed.push({ path, isFolder, process })
    }
    return stayed
  }

  /** All of these folders once more, for what nobody told us of. */
  noticeAll(folders: Iterable<OctetPath>, isKept: (path: OctetPath) => boolean): void {
    // Where not all could be kept, nobody can tell what is new.
    if (this.#known.size >= mostKnown) return
    for (const path of this.#listed(folders)) if (!isKept(path)) this.notice(path, undefined)
  }

  *#listed(folders: Iterable<OctetPath>): Generator<OctetPath> {
    for (const folder of folders) {
      // Where it is gone, or a link stands in its place, its files are told.
      const names = namesIn(folder === '' ? this.#root : `${this.#root}/${folder}`, true) ?? []
      for (const name of names) yield folder === '' ? name : `${folder}/${name}`
    }
  }

  #keep(path: OctetPath): void {
    if (this.#known.size < mostKnown) this.#known.add(path)
    else this.#overflowed = true
  }
}

/** Is it a folder? Undefined when nothing is there, or only where a link leads: what is elsewhere is not among the sources. */
function kindOf(root: OctetPath, path: OctetPath): boolean | undefined {
  const folder = folderOf(path)
  try {
    if (!isExact(folder === '' ? root : `${root}/${folder}`)) return undefined
    return lstatSync(octets(`${root}/${path}`)).isDirectory()
  } catch {
    return undefined
  }
}

/** Is a path right in one of these folders? */
export function isAmong(folders: ReadonlySet<OctetPath>, path: OctetPath): boolean {
  return folders.has(folderOf(path))
}
