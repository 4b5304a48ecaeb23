import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isErrno } from './errno.ts'
import { type DecoyFile, nameOf, openFolderOf } from './plant.ts'

/** Longest file that our lines are taken out of again; a tool that wrote more than that into it has made it its own. */
const maxEdited = 1_048_576

/**
 * Takes a planted file away: the file when it is as it was, our lines when a tool wrote others into it, nothing when ours
 * are gone. A folder that is empty then and was not there before goes too.
 * @throws Error with the code of the system call that failed
 */
export function uproot(home: string, { path, text }: DecoyFile, hadFolder: boolean): void {
  using folders = new DisposableStack()
  const folder = openHomeFolder(home, path, folders)
  if (folder === undefined) return
  const at = `/proc/self/fd/${folder.fd}/${nameOf(path)}`
  if (isOnlyOurs(at, text, folder.owner.uid)) unlinkSync(at)
  if (!hadFolder && dirname(path) !== '.') removeEmpty(home, dirname(path))
}

function openHomeFolder(home: string, path: string, owned: DisposableStack): ReturnType<typeof openFolderOf> {
  try {
    return openFolderOf(home, path, owned, false)
  } catch (cause) {
    // The home itself is gone.
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw cause
  }
}

/** True when the file is as it was planted; what others wrote there is left without ours. */
function isOnlyOurs(at: string, text: string, owner: number): boolean {
  const file = openPlain(at)
  if (file === undefined) return false
  try {
    const { uid, nlink, size } = fstatSync(file)
    // A link to another file, or a file of somebody else, is not what we planted.
    if (nlink !== 1 || (uid !== owner && uid !== 0) || size > maxEdited) return false
    const now = readFileSync(file)
    const ours = now.indexOf(text, 0, 'latin1')
    if (ours === -1) return false
    if (now.length === text.length) return true
    const rest = Buffer.concat([now.subarray(0, ours), now.subarray(ours + text.length)])
    writeSync(file, rest, 0, rest.length, 0)
    ftruncateSync(file, rest.length)
    return false
  } finally {
    closeSync(file)
  }
}

function openPlain(at: string): number | undefined {
  try {
    const file = openSync(at, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (fstatSync(file).isFile()) return file
    closeSync(file)
    return undefined
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ELOOP', 'ENXIO', 'EISDIR')) return undefined
    throw cause
  }
}

function removeEmpty(home: string, folder: string): void {
  try {
    rmdirSync(`${home}/${folder}`)
  } catch (cause) {
    if (!isErrno(cause, 'ENOTEMPTY', 'ENOENT', 'ENOTDIR', 'EEXIST')) throw cause
  }
}
