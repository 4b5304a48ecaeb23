import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs'

/**
 * A path as the kernel has it: one character per octet, so that names that are no UTF-8 stay what they are. What the job
 * has named is never decoded before it is shown.
 */
export type OctetPath = string

/** For calls of the file system. */
export function octets(path: OctetPath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** For people: as UTF-8, where it is some. */
export function shownPath(path: OctetPath): string {
  return octets(path).toString('utf8')
}

/** The other way round: text of ours, as the kernel has it. */
export function octetPath(text: string): OctetPath {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Why a plain file was not read. */
export type NotRead = 'missing' | 'not-plain' | 'too-large'

/** An open plain file, closed with `using`. */
export interface PlainFile extends Disposable {
  readonly fd: number
  readonly stats: BigIntStats
}

/**
 * Opens a file that the job may have put there: never waits (a FIFO would), follows no link at its end, and is nothing but
 * a plain file. `exact`: nor does any folder on the way lead elsewhere, so the path must be absolute and normal.
 */
export function openPlain(path: OctetPath, exact = false): PlainFile | NotRead {
  let fd: number
  try {
    fd = openSync(octets(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (cause) {
    return isGone(cause) ? 'missing' : 'not-plain'
  }
  const file = { fd, stats: fstatSync(fd, { bigint: true }), [Symbol.dispose]: () => closeSync(fd) }
  if (file.stats.isFile() && (!exact || isAt(fd, path))) return file
  file[Symbol.dispose]()
  return file.stats.isFile() ? 'missing' : 'not-plain'
}

/** Reads a plain file of at most `mostBytes`; see `openPlain`. */
export function readPlain(path: OctetPath, mostBytes: number): Buffer | NotRead {
  const file = openPlain(path)
  if (typeof file === 'string') return file
  using opened = file
  const size = Number(opened.stats.size)
  return size > mostBytes ? 'too-large' : readAt(opened.fd, 0, size)
}

/** Up to `length` bytes from `offset`; fewer where the file ends. */
export function readAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const count = readSync(fd, bytes, at, length - at, offset + at)
    if (count === 0) break
    at += count
  }
  return bytes.subarray(0, at)
}

/** The kernel knows by which name a descriptor was reached once all links were followed. */
function isAt(fd: number, path: OctetPath): boolean {
  return readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }) === path
}

/** True for an error that says that nothing is there. */
export function isGone(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}
