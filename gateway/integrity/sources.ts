import type { SourceTree } from './baseline.ts'
import { type Change, changesOf, type Written } from './change.ts'
import { type Expected, type Found, type InPieces, lookAt, markAt } from './content.ts'
import type { OctetPath } from './plain-file.ts'
import { isTooOften, newlyWatched, takeWritten, type Watched } from './watched.ts'
import type { Notice, Watching } from './watching.ts'

/** Whoever writes gets so long to finish before we look at what is there, in milliseconds. */
const patienceMs = 250
/** Marks on files themselves, each keeps an inode in the kernel's memory. */
const mostFileWatches = 50_000
/** Files read before notices are. */
const slice = 16

/** Looks at many files: what changed, bit by bit, and pauses in between for others to be looked at. */
export type Looking = Generator<readonly Change[] | undefined, void, void>

/** The tracked files of the workspace, and what is known of them. Paths are relative to the workspace. */
export class Sources {
  readonly #root: OctetPath
  readonly #watching: Watching
  readonly #now: () => number
  readonly #watched = new Map<OctetPath, Watched>()
  readonly #folders = new Set<OctetPath>()
  readonly #due = new Set<OctetPath>()
  /** Files that came to be unreadable since this was asked last. */
  #unread = new Set<OctetPath>()
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
  takeUnread(): ReadonlySet<OctetPath> {
    const unread = this.#unread
    this.#unread = new Set()
    return unread
  }

  /** What it holds, as far as we have looked; undefined when it is not tracked. */
  foundAt(path: OctetPath): Found | undefined {
    return this.#watched.get(path)?.found
  }

  /** How many files are not what their commit says, of those that count. */
  wrong(counts: (path: OctetPath) => boolean): number {
    return [...this.#watched].filter(([path, { found }]) => !found.isRight && counts(path)).length
  }

  /**
   * Takes a commit as what a part of the workspace must hold: watches first, then looks at everything. Answers with what
   * differs and was not known to.
   */
  *adopt(prefix: OctetPath, tree: SourceTree): InPieces<readonly Change[]> {
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
    const changes: Change[] = []
    let seen = 0
    for (const [path, file] of files) {
      changes.push(...(yield* this.#adoptFile(path, { ...file, path })))
      seen += 1
      if (seen % slice === 0) yield undefined
    }
    return changes
  }

  *#adoptFile(path: OctetPath, expected: Expected): InPieces<readonly Change[]> {
    this.#mark(path)
    const known = this.#watched.get(path)
    const was = known?.found
    const seen = yield* lookAt(this.#root, expected, was)
    if (seen.isUnread === true && known?.found.isUnread !== true) this.#unread.add(path)
    const right = expected.isUnknown ? (known?.blob === expected.id ? known.expected : held(expected, seen)) : expected
    // What may not be read is taken to be right until it can be.
    const id = seen.isUnread === true ? right.id : seen.id
    const isGrown = seen.isGrown === true && known?.found === was
    const found = { ...seen, id, isRight: seen.isRight || id === right.id, isGrown }
    this.#watched.set(path, newlyWatched(right, expected.id, found))
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
    const now = this.#now()
    if (!isTooOften(watched, now)) return this.#lookNow(path, watched)
    this.#postpone(path, watched, now + patienceMs)
    return []
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
      changes.push(...this.#lookNow(path, watched))
    }
    return changes
  }

  /** Looks at what is due. */
  *lookAtDue(isLast = false): Looking {
    const now = this.#now()
    let seen = 0
    for (const path of this.#due) {
      const watched = this.#watched.get(path)
      if (watched?.dueAt === undefined) {
        this.#due.delete(path)
        continue
      }
      if (!isLast && watched.dueAt > now) continue
      yield* this.#lookFrom(path, watched, seen)
      seen += 1
    }
  }

  /** Compares times and sizes of all files, so many at each step; what differs is due soon, when its notice may be here. */
  *sweep(perStep: number): Generator<void, void, void> {
    let seen = 0
    for (const [path, watched] of this.#watched) {
      if (watched.dueAt === undefined && markAt(this.#root, path) !== watched.found.mark)
        this.#postpone(path, watched, this.#now() + patienceMs)
      seen += 1
      if (seen % perStep === 0) yield
    }
  }

  /** Reads all files again, whatever their times say. */
  *lookAtAll(): Looking {
    let seen = 0
    for (const [path, watched] of this.#watched) {
      yield* this.#lookFrom(path, watched, seen)
      seen += 1
    }
  }

  /** Looks at one after `seen` others. What is told of it meanwhile is for the next look. */
  *#lookFrom(path: OctetPath, watched: Watched, seen: number): Looking {
    if (seen > 0 && seen % slice === 0) yield undefined
    const written = this.#begin(path, watched)
    const was = watched.found
    const found = yield* lookAt(this.#root, watched.expected, was)
    // Another look may have come in between, and seen something else.
    const isGrown = found.isGrown === true && watched.found === was
    const changes = this.#compare(path, watched, { ...found, isGrown }, written)
    if (changes.length > 0) yield changes
  }

  /** While notices are read: one that is too large to be read at once is due. */
  #lookNow(path: OctetPath, watched: Watched): readonly Change[] {
    const look = lookAt(this.#root, watched.expected, watched.found)
    const first = look.next()
    if (first.done === true) return this.#compare(path, watched, first.value, this.#begin(path, watched))
    look.return(watched.found)
    this.#postpone(path, watched, this.#now())
    return []
  }

  #begin(path: OctetPath, watched: Watched): Written {
    this.#due.delete(path)
    return takeWritten(watched)
  }

  #compare(path: OctetPath, watched: Watched, found: Found, written: Written): readonly Change[] {
    const was = watched.found
    // Another file may have its name now.
    if (found.mark !== was.mark) this.#mark(path)
    watched.found = found
    if (found.isUnread !== true) return changesOf(path, was, found, written)
    watched.found = { ...was, mark: found.mark, isUnread: true }
    if (was.isUnread !== true) this.#unread.add(path)
    return []
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
