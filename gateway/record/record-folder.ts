import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, open, rename, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'

/**
 * The folder of one record, held open until disposed. A job may own the folder around it, so that its path is the job's to
 * move, or to make a link of: what we write goes to the folder that was opened, by its descriptor, wherever it lies by then.
 */
export interface RecordFolder extends AsyncDisposable {
  /** As the user knows it. */
  readonly path: string
  /** The path of a file of it, for the calls of `node:fs`; good while the folder is held. */
  at(name: string): string
  /** Does its path still lead to it? */
  isInPlace(): Promise<boolean>
  /**
   * Writes a whole file, by rename: no reader sees half of it, and a link in its place is replaced, not followed.
   * `permissions` default to 0644. @throws GatewayError OUT_UNWRITABLE
   */
  write(name: string, text: string, permissions?: number): Promise<void>
}

/**
 * Opens the folder, which is made if it is missing.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function openRecordFolder(path: string): Promise<RecordFolder> {
  const handle = await openFolder(path)
  const at = (name: string): string => `/proc/self/fd/${handle.fd}/${name}`
  return {
    path,
    at,
    async isInPlace() {
      const [held, there] = await Promise.all([handle.stat(), stat(path).catch(() => undefined)])
      return there !== undefined && held.dev === there.dev && held.ino === there.ino
    },
    async write(name, text, permissions = 0o644) {
      const draft = at(`.${name}.${randomBytes(6).toString('hex')}`)
      try {
        await writeFile(draft, text, { flag: 'wx', mode: permissions })
        await rename(draft, at(name))
      } catch (cause) {
        throw new GatewayError('OUT_UNWRITABLE', `cannot write ${name} to ${path}: ${fileFault(cause)}`, { cause })
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

async function openFolder(path: string): Promise<FileHandle> {
  try {
    await makeFolder(path)
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (cause) {
    throw cannotCreate(path, cause)
  }
}

/** Why there is no log in a folder. */
export function cannotCreate(path: string, cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('OUT_UNWRITABLE', `cannot create the log in ${path}: ${why}`, {
    cause,
    details: { dir: path },
  })
}

/** As `mkdir -p`. Node's own (24.21) never ends where the kernel says that the parent, which is there, is not: as /proc does. */
async function makeFolder(path: string): Promise<void> {
  if (await exists(path)) return
  if (dirname(path) !== path) await makeFolder(dirname(path))
  try {
    await mkdir(path)
  } catch (cause) {
    // Somebody else was faster.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
  }
}

/** Is anything there, a link that leads nowhere aside? */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
