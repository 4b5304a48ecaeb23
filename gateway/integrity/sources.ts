import type { FileEvent, ProcessInfo } from '../record/event.ts'
import type { SourceTree } from './baseline.ts'
import { type Expected, type Found, lookAt, markAt } from './content.ts'
import type { OctetPath } from './plain-file.ts'
import type { Notice, Watching } from './watching.ts'

/** A tracked file that came to hold something else. */
export interface Change {
  readonly path: OctetPath
  readonly event: Extract<FileEvent, 'overwritten' | 'restored' | 'deleted'>
  readonly before: string | undefined
  readonly after: string | undefined
  readonly process: ProcessInfo | undefined
}

interface Watched {
  expected: Expected
  /** Its id in the commit. */
  readonly blob: string
  found: Found
  /** When it is to be looked at, in milliseconds. */
  dueAt: number | undefined
  process: ProcessInfo | undefined
  /** Who finished writing since we looked last. */
  readonly writers: Set<number>
  /** How often it was looked at since `since`. */
  looks: number
  since: number
}

/** Whoever writes gets so long to finish before we look at what is there, in milliseconds. */
const patienceMs = 250
/** A file that is written again and again is looked at so often a second. */
const mostLooks = 40
/** Marks on files themselves, each keeps an inode in the kernel's memory. */
const mostFileWatches = 50_000

/** The tracked files of the workspace, and what is known of them. Paths are relative to the workspace. */
export class Sources {
  readonly #root: OctetPath
  readonly #watching: Watching
  readonly #now: () => number
  readonly #watched = new Map<OctetPath, Watched>()
  readonly #folders = new Set<OctetPath>()
  readonly #due = new Set<OctetPath>()
  /** Files that came to be unreadable since this was asked last. */
  #unread: OctetPath[] = []
  /** Of too many files to mark each, the folders tell; otherwise what is not tracked may be written in peace. */
  #writesByFolder = false

  constructor(root: OctetPath, watching: Watching, now: () => number) {
    this.#root = root
    this.#watching = watching
    this.#now = now
  }

  get count(): number {
    return this.#watched.size
  }

  get folders(): ReadonlySet<OctetPath> {
    return this.#folders
  }

  isTracked(path: OctetPath): boolean {
    return this.#watched.has(path)
  }

  /** Files that could be read before, or never were looked at, and now may not be. What becomes of them is not seen. */
  takeUnread(): readonly OctetPath[] {
    const unread = this.#unread
    this.#unread = []
    return unread
  }

  /** Does it hold now what its commit says, as far as we have looked? */
  isRight(path: OctetPath): boolean {
    return this.#watched.get(path)?.found.isRight ?? false
  }

  /** How many files are not what their commit says, of those that count. */
  wrong(counts: (path: OctetPath) => boolean): number {
    return [...this.#watched].filter(([path, { found }]) => !found.isRight && counts(path)).length
  }

  /**
   * Takes a commit as what a part of the workspace must hold: watches first, then looks at everything. Answers with what
   * differs and was not known to.
   */
  adopt(prefix: OctetPath, tree: SourceTree): readonly Change[] {
    const inside = (path: OctetPath): OctetPath => [prefix, path].filter(part => part !== '').join('/')
    const files = new Map(tree.files.map(file => [inside(file.path), file] as const))
    const folders = new Set(tree.folders.map(inside))
    const isOurs = (path: OctetPath): boolean => prefix === '' || path === prefix || path.startsWith(`${prefix}/`)
    for (const path of this.#folders) if (isOurs(path) && !folders.has(path)) this.#folders.delete(path)
    for (const path of this.#watched.keys()) if (isOurs(path) && !files.has(path)) this.#watched.delete(path)
    this.#writesByFolder ||= files.size > mostFileWatches
    for (const path of folders) {
      this.#folders.add(path)
      this.#watching.watchFolder(this.#absolute(path), this.#writesByFolder)
    }
    return [...files].flatMap(([path, file]) => this.#adoptFile(path, { ...file, path }))
  }

  #adoptFile(path: OctetPath, expected: Expected): readonly Change[] {
    const known = this.#watched.get(path)
    this.#mark(path)
    const seen = lookAt(this.#root, expected)
    if (seen.isUnread === true && known?.found.isUnread !== true) this.#unread.push(path)
    const right = expected.isUnknown ? (known?.blob === expected.id ? known.expected : held(expected, seen)) : expected
    // What may not be read is taken to be right until it can be.
    const id = seen.isUnread === true ? right.id : seen.id
    const found = { ...seen, id, isRight: seen.isRight || id === right.id }
    const rest = {
      blob: expected.id,
      dueAt: undefined,
      process: undefined,
      writers: new Set<number>(),
      looks: 0,
      since: 0,
    }
    this.#watched.set(path, { expected: right, found, ...rest })
    const isTold = known !== undefined && !known.found.isRight && known.found.id === found.id
    if (found.isRight || isTold) return []
    const event = found.id === undefined ? 'deleted' : 'overwritten'
    return [{ path, event, before: right.id, after: found.id, process: undefined }]
  }

  /** Takes notice of what happened at a path; `undefined` when it is none of ours. */
  notice(path: OctetPath, notice: Notice): readonly Change[] | undefined {
    const watched = this.#watched.get(path)
    if (watched === undefined) return this.#folders.has(path) ? this.#noticeFolder(path, notice) : undefined
    watched.process = notice.process ?? watched.process
    if (notice.isGoingOn && !notice.isEntry) {
      this.#postpone(path, watched, this.#now() + patienceMs)
      return []
    }
    if (notice.writer !== undefined) watched.writers.add(notice.writer)
    // Before it is read: what is written after that is told.
    if (notice.isEntry) this.#mark(path)
    return this.#isTooOften(path, watched) ? [] : this.#look(path, watched)
  }

  /** Of a folder that came or went all that was in it is looked at. */
  #noticeFolder(folder: OctetPath, { isEntry, process }: Notice): readonly Change[] {
    if (!isEntry) return []
    for (const path of this.#folders)
      if (path === folder || path.startsWith(`${folder}/`))
        this.#watching.watchFolder(this.#absolute(path), this.#writesByFolder)
    const changes: Change[] = []
    for (const [path, watched] of this.#watched) {
      if (!path.startsWith(`${folder}/`)) continue
      watched.process = process ?? watched.process
      this.#mark(path)
      changes.push(...this.#look(path, watched))
    }
    return changes
  }

  /** Looks at what is due. */
  lookAtDue(isLast = false): readonly Change[] {
    const now = this.#now()
    const changes: Change[] = []
    for (const path of this.#due) {
      const watched = this.#watched.get(path)
      if (watched?.dueAt === undefined) this.#due.delete(path)
      else if (isLast || watched.dueAt <= now) changes.push(...this.#look(path, watched))
    }
    return changes
  }

  /** Compares times and sizes of all files, a slice at each step; what differs is due soon, when its notice may be here. */
  *sweep(slice: number): Generator<void, void, void> {
    let seen = 0
    for (const [path, watched] of this.#watched) {
      if (watched.dueAt === undefined && markAt(this.#root, path) !== watched.found.mark)
        this.#postpone(path, watched, this.#now() + patienceMs)
      seen += 1
      if (seen % slice === 0) yield
    }
  }

  /** Reads all files again, whatever their times say. */
  lookAtAll(): readonly Change[] {
    return [...this.#watched].flatMap(([path, watched]) => this.#look(path, watched))
  }

  #look(path: OctetPath, watched: Watched): readonly Change[] {
    const { found: was, process, writers } = watched
    const found = lookAt(this.#root, watched.expected)
    // Another file may have its name now.
    if (found.mark !== was.mark) this.#mark(path)
    watched.found = found
    watched.dueAt = undefined
    this.#due.delete(path)
    const count = writers.size
    writers.clear()
    watched.process = undefined
    if (found.isUnread === true) {
      watched.found = { ...was, mark: found.mark, isUnread: true }
      if (was.isUnread !== true) this.#unread.push(path)
      return []
    }
    const facts = { path, after: found.id, process }
    if (found.id === was.id || (found.isRight && was.isRight)) {
      // Two wrote before we could read once, and it is what it was: one of them has put it back.
      const isPutBack = found.isRight && was.isRight && count > 1
      return isPutBack ? [{ ...facts, event: 'restored', before: undefined }] : []
    }
    if (found.isRight) return [{ ...facts, event: 'restored', before: was.id }]
    return [{ ...facts, event: found.id === undefined ? 'deleted' : 'overwritten', before: was.id }]
  }

  #isTooOften(path: OctetPath, watched: Watched): boolean {
    const now = this.#now()
    if (now - watched.since > 1_000) {
      watched.since = now
      watched.looks = 0
    }
    watched.looks += 1
    if (watched.looks <= mostLooks) return false
    this.#postpone(path, watched, now + patienceMs)
    return true
  }

  #postpone(path: OctetPath, watched: Watched, until: number): void {
    watched.dueAt ??= until
    this.#due.add(path)
  }

  #mark(path: OctetPath): void {
    if (this.#watched.size < mostFileWatches) this.#watching.watchFile(this.#absolute(path))
  }

  #absolute(path: OctetPath): OctetPath {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }
}

/** What cannot be compared with its blob is compared with what it held at the baseline. */
function held(expected: Expected, { id }: Found): Expected {
  return id === undefined ? expected : { ...expected, id }
}
