import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Largest file that is read, bytes: the lock file of a large monorepo is about 10 MB. */
export const maxFileBytes = 33_554_432

/** Why a file was not read. */
export type ReadFault = 'missing' | 'not-a-file' | 'too-large' | 'unreadable' | 'not-text'

/** What is said of a file that was not read, after its name. */
export const faultText: Readonly<Record<ReadFault, string>> = {
  missing: 'was gone when it was to be read',
  'not-a-file': 'is not a regular file, so it was not read',
  'too-large': `is larger than ${String(maxFileBytes / 1_048_576)} MiB, so it was not read`,
  unreadable: 'could not be read',
  'not-text': 'is not text, so it was not read',
}

/**
 * Reads a regular file of at most `limit` bytes. A pipe, device or folder is never waited for, and a file that grows
 * while it is read is cut off as too large. The last segment may be a link only when `followLinks`.
 */
export async function readBytes(path: string, limit: number, followLinks: boolean): Promise<Buffer | ReadFault> {
  let handle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing'
    return code === 'EISDIR' || code === 'ELOOP' ? 'not-a-file' : 'unreadable'
  }
  await using file = handle
  try {
    const facts = await file.stat()
    if (!facts.isFile()) return 'not-a-file'
    if (facts.size > limit) return 'too-large'
    const bytes = Buffer.alloc(facts.size)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.subarray(0, length)
  } catch {
    return 'unreadable'
  }
}

/** Reads a text file: UTF-8, or UTF-16 where a byte order mark says so. Bounds as in `readBytes()`. */
export async function readText(
  path: string,
  limit: number,
  followLinks: boolean,
): Promise<{ readonly text: string } | ReadFault> {
  const bytes = await readBytes(path, limit, followLinks)
  if (typeof bytes === 'string') return bytes
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe
  const text = new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes)
  return text.includes('\0') ? 'not-text' : { text }
}
