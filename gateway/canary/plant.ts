import { closeSync, constants, fchownSync, fstatSync, mkdirSync, openSync, type Stats, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isErrno } from './errno.ts'

/** A file that thieves look for, as it is planted. */
export interface DecoyFile {
  /** Relative to the home, at most one folder deep. */
  readonly path: string
  readonly text: string
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Writes a file into a home that has none of that name; false when it has one. It belongs to whom the home belongs. Every
 * step goes by descriptor and follows no link: the home is its user's, who may have laid links there for root to follow.
 * @throws Error with the code of the system call that failed
 */
export function plant(home: string, { path, text }: DecoyFile): boolean {
  using folders = new DisposableStack()
  const folder = openFolderOf(home, path, folders)
  if (folder === undefined) return false
  const { fd, owner } = folder
  try {
    const file = openSync(`/proc/self/fd/${fd}/${nameOf(path)}`, newFile, 0o600)
    folders.defer(() => closeSync(file))
    fchownSync(file, owner.uid, owner.gid)
    writeFileSync(file, text)
    return true
  } catch (cause) {
    if (isErrno(cause, 'EEXIST', 'ELOOP')) return false
    throw cause
  }
}

/** The folder of a file of a home, and whose the home is. Undefined when it is a link, or somebody else's. */
export function openFolderOf(
  home: string,
  path: string,
  owned: DisposableStack,
  isToBeMade = true,
): { readonly fd: number; readonly owner: Stats } | undefined {
  const top = openSync(home, folderFlags)
  owned.defer(() => closeSync(top))
  const owner = fstatSync(top)
  const below = dirname(path)
  if (below === '.') return { fd: top, owner }
  const at = `/proc/self/fd/${top}/${below}`
  const isMade = isToBeMade && makeFolder(at)
  const fd = openUnlinked(at)
  if (fd === undefined) return undefined
  owned.defer(() => closeSync(fd))
  const { uid } = fstatSync(fd)
  if (isMade && uid !== owner.uid) fchownSync(fd, owner.uid, owner.gid)
  else if (uid !== owner.uid) return undefined
  return { fd, owner }
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function makeFolder(at: string): boolean {
  try {
    mkdirSync(at, { mode: 0o700 })
    return true
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) return false
    throw cause
  }
}

function openUnlinked(at: string): number | undefined {
  try {
    return openSync(at, folderFlags | constants.O_NOFOLLOW)
  } catch (cause) {
    if (isErrno(cause, 'ELOOP', 'ENOTDIR', 'ENOENT')) return undefined
    throw cause
  }
}
