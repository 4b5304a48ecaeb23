import { createHash, type Hash } from 'node:crypto'
import { lstatSync, readSync, type BigIntStats } from 'node:fs'
import { objectId, type ObjectFormat } from './git/object-id.ts'
import type { TrackedFile } from './git/tracked-files.ts'
import { linkAt, octets, openPlain, type OctetPath, type PlainFile } from './plain-file.ts'

/** What a file must hold to be what its commit says. */
export interface Expected extends TrackedFile {
  /** Git LFS: SHA-256 (hex) of the content that the blob stands for. */
  readonly lfs?: string
  /** CRLF instead of line feeds is right too. */
  readonly isText: boolean
  /** What it holds cannot be compared with the blob: what it held at the baseline is right. */
  readonly isUnknown: boolean
}

/** What was found at a path. */
export interface Found {
  /** Id of the blob that git would make of it; undefined when there is no plain file or link. */
  readonly id: string | undefined
  /** Is it what the commit says? */
  readonly isRight: boolean
  /** Changes with the file; undefined where nothing is. */
  readonly mark: string | undefined
  /** Something is there, and we may not read it, or it is beyond all bounds: nothing can be said of it. */
  readonly isUnread?: boolean
  /** No file of ours, but something that can be read by that name stands there, or did when we looked before: a FIFO, another folder's. */
  readonly isOther?: boolean
  /** Length of a plain file. */
  readonly bytes?: number
  /** What was found before, and was not right, is the beginning of this: nothing, or as much as was written by then. */
  readonly isGrown?: boolean
}

const nothing: Found = { id: undefined, isRight: false, mark: undefined }
const readBytes = 1_048_576
/** So much is hashed before notices are read again. */
const pieceBytes = 8 * readBytes
/** No source is larger; a sparse file of any size costs the job nothing. */
const largestSource = 16 * 1_024 * readBytes

/** Pauses before each piece of a large file, so that others can be looked at meanwhile. */
export type InPieces<T> = Generator<undefined, T, void>

/** What may be hashed without a pause, in bytes: what was is taken from it. */
export interface Budget {
  bytes: number
}

/** Takes the first bytes of a file that is read. */
interface Taker {
  readonly hash: Hash
  readonly bytes: number
}

/** Reads what is at a path and compares it, also with what was there before. Never throws for what the job may have put there. */
export function* lookAt(root: OctetPath, expected: Expected, was?: Found): InPieces<Found> {
  const found = yield* lookAtKind(root, expected, was)
  if (was === undefined || was.id !== undefined) return found
  if (found.id === undefined) return was.isOther === true ? { ...found, isOther: true } : found
  return { ...found, isGrown: was.isOther !== true }
}

function* lookAtKind(root: OctetPath, expected: Expected, was: Found | undefined): InPieces<Found> {
  if (expected.kind === 'link') return yield* lookAtLink(root, expected)
  const opened = openPlain(`${root}/${expected.path}`, true)
  if (opened === 'missing') return nothing
  if (opened === 'unreadable') return unread(root, expected.path)
  if (typeof opened === 'string') {
    // A link, or a folder, in the place of a file: wrong whatever it leads to.
    const id = linkBlob(`${root}/${expected.path}`, expected.format, true)
    return { id, isRight: false, mark: markAt(root, expected.path), isOther: id === undefined }
  }
  using file = opened
  if (file.stats.size > largestSource) return unread(root, expected.path)
  return yield* lookInto(file, expected, was)
}

/** All is hashed as it is read once: of what is written meanwhile, no two hashes can have seen different things. */
function* lookInto(file: PlainFile, expected: Expected, was: Found | undefined): InPieces<Found> {
  const bytes = Number(file.stats.size)
  const whole = { hash: blobHash(expected.format, bytes), bytes }
  const large = expected.lfs === undefined ? undefined : { hash: createHash('sha256'), bytes }
  const begun = was === undefined || was.isRight ? undefined : takerOf(was, expected.format)
  yield* hashFile(
    file,
    [whole, large, begun].filter(taker => taker !== undefined),
  )
  const id = whole.hash.digest('hex')
  const isLarge = large !== undefined && large.hash.digest('hex') === expected.lfs
  const isRight = id === expected.id || isLarge || isOfOtherLineEnds(file, expected)
  const isGrown = begun !== undefined && begun.bytes <= bytes && begun.hash.digest('hex') === was?.id
  return { id, isRight, mark: markOf(file.stats), bytes, isGrown }
}

/** Would give the same id again. */
function takerOf({ bytes }: Found, format: ObjectFormat): Taker | undefined {
  return bytes === undefined ? undefined : { hash: blobHash(format, bytes), bytes }
}

/** The id of the blob of a plain file or link; undefined where there is neither, or more than the budget has left. */
export function* blobAt(path: OctetPath, format: ObjectFormat, budget: Budget): InPieces<string | undefined> {
  const opened = openPlain(path)
  if (typeof opened === 'string') return linkBlob(path, format, false)
  using file = opened
  const size = Number(file.stats.size)
  if (size > budget.bytes) return undefined
  budget.bytes -= size
  return yield* blobOf(file, format)
}

/** Without a pause. */
export function atOnce<T>(work: InPieces<T>): T {
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}

/**
 * Changes whenever a file is written, replaced or renamed over: its number, size and times in nanoseconds. The time of the
 * last change of its entry cannot be set back by the job.
 */
export function markAt(root: OctetPath, path: OctetPath): string | undefined {
  try {
    return markOf(lstatSync(octets(`${root}/${path}`), { bigint: true }))
  } catch {
    // Nothing is there, or no way leads there.
    return undefined
  }
}

function markOf({ ino, dev, size, mtimeNs, ctimeNs, mode }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode}`
}

function* lookAtLink(root: OctetPath, { path, format, id: expected }: Expected): InPieces<Found> {
  const mark = markAt(root, path)
  const target = linkBlob(`${root}/${path}`, format, true)
  if (target !== undefined) return { id: target, isRight: target === expected, mark }
  const opened = openPlain(`${root}/${path}`, true)
  if (opened === 'unreadable') return unread(root, path)
  if (typeof opened === 'string') return { id: undefined, isRight: false, mark, isOther: opened !== 'missing' }
  // A file in the place of a link is wrong, whatever it holds.
  using file = opened
  if (file.stats.size > largestSource) return unread(root, path)
  return { id: yield* blobOf(file, format), isRight: false, mark }
}

function unread(root: OctetPath, path: OctetPath): Found {
  return { id: undefined, isRight: false, mark: markAt(root, path), isUnread: true }
}

function linkBlob(path: OctetPath, format: ObjectFormat, exact: boolean): string | undefined {
  const target = linkAt(path, exact)
  return target === undefined ? undefined : objectId(format, 'blob', target)
}

function* blobOf(file: PlainFile, format: ObjectFormat): InPieces<string> {
  const bytes = Number(file.stats.size)
  const hash = blobHash(format, bytes)
  yield* hashFile(file, [{ hash, bytes }])
  return hash.digest('hex')
}

function blobHash(format: ObjectFormat, bytes: number): Hash {
  return createHash(format).update(`blob ${bytes}\0`)
}

/** Only what the file had when it was opened: one that grows all the time must not keep us. */
function* hashFile({ fd, stats }: PlainFile, takers: readonly Taker[]): InPieces<void> {
  const size = Number(stats.size)
  const piece = Buffer.allocUnsafe(Math.min(readBytes, Math.max(1, size)))
  let left = size > pieceBytes ? 0 : pieceBytes
  for (let at = 0; at < size;) {
    if (left <= 0) {
      yield undefined
      left = pieceBytes
    }
    const count = readSync(fd, piece, 0, Math.min(piece.length, size - at), at)
    if (count === 0) return
    for (const { hash, bytes } of takers) if (at < bytes) hash.update(piece.subarray(0, Math.min(count, bytes - at)))
    at += count
    left -= count
  }
}

const largestText = 32 * 1_048_576

function isOfOtherLineEnds(file: PlainFile, { lfs, isText, format, id }: Expected): boolean {
  const size = Number(file.stats.size)
  if (lfs !== undefined || !isText || size > largestText) return false
  const text = Buffer.alloc(size)
  const count = readSync(file.fd, text, 0, size, 0)
  const unix = Buffer.from(text.toString('latin1', 0, count).replaceAll('\r\n', '\n'), 'latin1')
  return objectId(format, 'blob', unix) === id
}
