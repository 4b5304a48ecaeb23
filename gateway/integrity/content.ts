import { createHash, type Hash } from 'node:crypto'
import { lstatSync, readlinkSync, readSync, type BigIntStats } from 'node:fs'
import { objectId, type ObjectFormat } from './git/object-id.ts'
import type { TrackedFile } from './git/tracked-files.ts'
import { octets, openPlain, type OctetPath, type PlainFile } from './plain-file.ts'

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
  /** Something is there, and we may not read it: nothing can be said of it. */
  readonly isUnread?: boolean
}

const nothing: Found = { id: undefined, isRight: false, mark: undefined }
const pieceBytes = 1_048_576

/** Reads what is at a path and compares it. Never throws for what the job may have put there. */
export function lookAt(root: OctetPath, expected: Expected): Found {
  if (expected.kind === 'link') return lookAtLink(root, expected)
  const opened = openPlain(`${root}/${expected.path}`, true)
  if (opened === 'missing') return nothing
  if (opened === 'unreadable') return unread(root, expected.path)
  if (typeof opened === 'string') {
    // A link, or a folder, in the place of a file: wrong whatever it leads to.
    const id = linkBlob(`${root}/${expected.path}`, expected.format)
    return { id, isRight: false, mark: markAt(root, expected.path) }
  }
  using file = opened
  const id = blobOf(file, expected.format)
  return { id, isRight: id === expected.id || isConverted(file, expected), mark: markOf(file.stats) }
}

/** The id of the blob of a plain file or link; undefined where there is neither. */
export function blobAt(path: OctetPath, format: ObjectFormat): string | undefined {
  const opened = openPlain(path)
  if (typeof opened === 'string') return linkBlob(path, format)
  using file = opened
  return blobOf(file, format)
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

function lookAtLink(root: OctetPath, { path, format, id: expected }: Expected): Found {
  const mark = markAt(root, path)
  const target = linkBlob(`${root}/${path}`, format)
  if (target !== undefined) return { id: target, isRight: target === expected, mark }
  const opened = openPlain(`${root}/${path}`)
  if (opened === 'unreadable') return unread(root, path)
  if (typeof opened === 'string') return { id: undefined, isRight: false, mark }
  // A file in the place of a link is wrong, whatever it holds.
  using file = opened
  return { id: blobOf(file, format), isRight: false, mark }
}

function unread(root: OctetPath, path: OctetPath): Found {
  return { id: undefined, isRight: false, mark: markAt(root, path), isUnread: true }
}

function linkBlob(path: OctetPath, format: ObjectFormat): string | undefined {
  try {
    return objectId(format, 'blob', readlinkSync(octets(path), { encoding: 'buffer' }))
  } catch {
    // It is no link, or gone.
    return undefined
  }
}

function blobOf(file: PlainFile, format: ObjectFormat): string {
  const size = Number(file.stats.size)
  const hash = createHash(format).update(`blob ${size}\0`)
  hashFile(file, hash)
  return hash.digest('hex')
}

/** Only what the file had when it was opened: one that grows all the time must not keep us. */
function hashFile({ fd, stats }: PlainFile, hash: Hash): void {
  const size = Number(stats.size)
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(1, size)))
  for (let at = 0; at < size;) {
    const count = readSync(fd, piece, 0, Math.min(piece.length, size - at), at)
    if (count === 0) return
    hash.update(piece.subarray(0, count))
    at += count
  }
}

const largestText = 32 * 1_048_576

function isConverted(file: PlainFile, { lfs, isText, format, id }: Expected): boolean {
  if (lfs !== undefined) {
    const hash = createHash('sha256')
    hashFile(file, hash)
    return hash.digest('hex') === lfs
  }
  const size = Number(file.stats.size)
  if (!isText || size > largestText) return false
  const text = Buffer.alloc(size)
  const count = readSync(file.fd, text, 0, size, 0)
  const unix = Buffer.from(text.toString('latin1', 0, count).replaceAll('\r\n', '\n'), 'latin1')
  return objectId(format, 'blob', unix) === id
}
