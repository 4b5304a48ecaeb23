import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs'

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

/**
 * Why a plain file was not read; `unreadable`: something is there, and we may not look at it; `elsewhere`, of an exact path: a
 * folder on the way leads to another file.
 */
export type NotRead = 'missing' | 'elsewhere' | 'not-plain' | 'too-large' | 'unreadable'

let confinement: OctetPath | undefined

/**
 * From now on this thread opens nothing outside of a folder (absolute, no links in it), whatever links lead there: what lies
 * there is as if it were missing. Undefined: everything may be opened, as when nobody has asked.
 */
export function confineTo(folder: OctetPath | undefined): void {
  confinement = folder
}

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
    if (isGone(cause)) return 'missing'
    return isForbidden(cause) ? 'unreadable' : 'not-plain'
  }
  const file = { fd, stats: fstatSync(fd, { bigint: true }), [Symbol.dispose]: () => closeSync(fd) }
  if (file.stats.isFile() && isInBounds(fd) && (!exact || reachedAt(fd) === path)) return file
  using closed = file
  if (!closed.stats.isFile()) return 'not-plain'
  // As the kernel names one that somebody removed since it was opened.
  return exact && reachedAt(fd) !== `${path} (deleted)` ? 'elsewhere' : 'missing'
}

/** What is in a folder, by name; undefined when there is none, or it may not be read. `exact`: as in `openPlain`. */
export function namesIn(folder: OctetPath, exact = false): readonly OctetPath[] | undefined {
  let fd: number
  try {
    fd = openSync(octets(folder), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK)
  } catch {
    // Nothing is there, or no folder.
    return undefined
  }
  try {
    if (!isInBounds(fd) || (exact && reachedAt(fd) !== folder)) return undefined
    // The folder that was looked at, whatever has its name by now.
    return readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' })
  } catch {
    // It was removed meanwhile, or its file system fails.
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** Is a folder there, reached without any link on the way? The path is absolute and normal. */
export function isExact(folder: OctetPath): boolean {
  try {
    return realpathSync.native(octets(folder), { encoding: 'latin1' }) === folder
  } catch {
    return false
  }
}

/** O_PATH (asm-generic/fcntl.h): to name what is below a folder no right to list it is needed. */
const pathOnly = 0x20_0000

/** What a link holds; undefined where there is none. `exact`: as in `openPlain`. */
export function linkAt(path: OctetPath, exact: boolean): Buffer | undefined {
  const at = path.lastIndexOf('/')
  const folder = path.slice(0, at)
  let fd: number
  try {
    fd = openSync(octets(`${folder}/`), constants.O_DIRECTORY | pathOnly)
  } catch {
    // No way leads there.
    return undefined
  }
  try {
    if (!isInBounds(fd) || (exact && reachedAt(fd) !== folder)) return undefined
    return readlinkSync(octets(`/proc/self/fd/${fd}${path.slice(at)}`), { encoding: 'buffer' })
  } catch {
    // It is no link, or gone.
    return undefined
  } finally {
    closeSync(fd)
  }
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

/** The kernel knows by which name a descriptor was reached once all links were followed; '' where that is too long a name. */
function reachedAt(fd: number): OctetPath {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' })
  } catch {
    // ENAMETOOLONG beyond 4,095 octets: it is nothing that anybody named.
    return ''
  }
}

function isInBounds(fd: number): boolean {
  if (confinement === undefined) return true
  const at = reachedAt(fd)
  return at === confinement || at.startsWith(`${confinement}/`)
}

function isForbidden(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'EACCES' || code === 'EPERM'
}

/** True for an error that says that nothing is there. */
export function isGone(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}
