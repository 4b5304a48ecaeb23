import { closeSync, openSync, writeSync } from 'node:fs'

/** Writes into `file` until nothing fits any more; others may write to the same disk meanwhile. @throws the error of the disk, but ENOSPC */
export function fillDisk(file: string): void {
  const fd = openSync(file, 'w')
  try {
    // Half of what did not fit may, down to the last byte.
    for (let part = Buffer.alloc(1 << 20); part.length > 0;) {
      try {
        writeSync(fd, part)
      } catch (cause) {
        if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ENOSPC') throw cause
        part = part.subarray(0, part.length >> 1)
      }
    }
  } finally {
    closeSync(fd)
  }
}
