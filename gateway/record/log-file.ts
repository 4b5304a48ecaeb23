import { constants } from 'node:fs'
import { access, mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GatewayError } from '../errors.ts'

/** Where lines go: an append-only file, and the seam at which tests put a full or a slow disk. */
export interface LogFile {
  /** Appends; resolves to how many of the bytes were written, which may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>
  /** Asks the disk to keep what was written. */
  sync(): Promise<void>
  close(): Promise<void>
}

const name = 'egress'

/** The log of the job whose output lies in `dir`. */
export function logPath(dir: string): string {
  return join(dir, `${name}.ndjson`)
}

/**
 * Creates `egress.ndjson` in `dir` (made if it is missing). A log is one run's, so one that is already there is kept
 * beside it as `egress.1.ndjson`, `egress.2.ndjson` …, the highest number the newest.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function createLogFile(dir: string): Promise<LogFile> {
  const path = logPath(dir)
  try {
    await makeFolder(dir)
    if (await exists(path)) await rename(path, await freeName(dir))
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants
    const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o644)
    return {
      write: async bytes => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.datasync(),
      close: () => handle.close(),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError('OUT_UNWRITABLE', `cannot create the log in ${dir}: ${why}`, { cause, details: { dir } })
  }
}

/** As `mkdir -p`. Node's own (24.21) never ends where the kernel says that the parent, which is there, is not: as /proc does. */
async function makeFolder(dir: string): Promise<void> {
  if (await exists(dir)) return
  if (dirname(dir) !== dir) await makeFolder(dirname(dir))
  try {
    await mkdir(dir)
  } catch (cause) {
    // Somebody else was faster.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

async function freeName(dir: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const path = join(dir, `${name}.${number}.ndjson`)
    if (!(await exists(path))) return path
  }
}
