import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename } from 'node:fs/promises'
import { cannotCreate, exists, type RecordFolder } from './record-folder.ts'

/** Where lines go: an append-only file, and the seam at which tests put a full or a slow disk. */
export interface LogFile {
  /** Appends; resolves to how many of the bytes were written, which may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>
  /** Asks the disk to keep what was written. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A log that was just made. */
export interface CreatedLog {
  readonly file: LogFile
  /** The file itself, for reading, whatever its name leads to by then: opening a name that is the job's may never return. The caller closes it. */
  readonly reader: FileHandle
  /** Does the name still lead to this file? */
  isInPlace(): Promise<boolean>
}

const name = 'egress'

/** The name of the log in the folder of its record. */
export const logName = `${name}.ndjson`

/**
 * Creates the log in its folder. A log is one run's, so one that is already there is kept beside it as `egress.1.ndjson`,
 * `egress.2.ndjson` …, the highest number the newest.
 * @throws GatewayError OUT_UNWRITABLE
 */
export async function createLogFile(folder: RecordFolder): Promise<CreatedLog> {
  const path = folder.at(logName)
  try {
    if (await exists(path)) await rename(path, await freeName(folder))
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_RDONLY } = constants
    const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o644)
    const reader = await open(`/proc/self/fd/${handle.fd}`, O_RDONLY)
    return {
      file: {
        write: async bytes => (await handle.write(bytes)).bytesWritten,
        sync: () => handle.datasync(),
        close: () => handle.close(),
      },
      reader,
      async isInPlace() {
        const [made, there] = await Promise.all([reader.stat(), lstat(path).catch(() => undefined)])
        return there !== undefined && made.dev === there.dev && made.ino === there.ino
      },
    }
  } catch (cause) {
    throw cannotCreate(folder.path, cause)
  }
}

async function freeName(folder: RecordFolder): Promise<string> {
  for (let number = 1; ; number += 1) {
    const path = folder.at(`${name}.${number}.ndjson`)
    if (!(await exists(path))) return path
  }
}
