import { randomBytes } from 'node:crypto'
import { readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { fileFault, GatewayError } from '../errors.ts'
import type { Lock } from './lock.ts'
import { parseLock } from './parse.ts'

/**
 * The lock in a file; undefined when there is no such file.
 * @throws GatewayError LOCK_INVALID
 */
export async function loadLock(path: string, shown: string = path): Promise<Lock | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new GatewayError('LOCK_INVALID', `the lock ${shown} cannot be read: ${fileFault(cause)}`, { cause })
  }
  return parseLock(text, shown)
}

/**
 * Puts a text in the place of a file, whole or not at all.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function saveLock(path: string, text: string): Promise<void> {
  // A link stays a link.
  const place = await realpath(path).catch(() => path)
  const fresh = `${place}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await writeFile(fresh, text, { flag: 'wx', mode: 0o644 })
    await rename(fresh, place)
  } catch (cause) {
    await rm(fresh, { force: true })
    throw new GatewayError('OUT_UNWRITABLE', `the lock ${path} cannot be written: ${fileFault(cause)}`, { cause })
  }
}
