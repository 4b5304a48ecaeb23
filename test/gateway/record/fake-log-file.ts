import type { LogFile } from '../../../gateway/record/log-file.ts'

/** A log file in memory whose disk can be full, slow or short. */
export interface FakeLogFile extends LogFile {
  text(): string
  /** How many bytes still fit; writes fail with ENOSPC after that. */
  room: number
  /** Most bytes that one write takes. */
  most: number
  /** Writes wait for this, when set. */
  gate: Promise<void> | undefined
  writes: number
  closed: boolean
}

export function fakeLogFile(): FakeLogFile {
  const parts: Buffer[] = []
  const file: FakeLogFile = {
    room: Number.POSITIVE_INFINITY,
    most: Number.POSITIVE_INFINITY,
    gate: undefined,
    writes: 0,
    closed: false,
    text: () => Buffer.concat(parts).toString('latin1'),
    async write(bytes) {
      await file.gate
      file.writes += 1
      const taken = Math.min(bytes.length, file.room, file.most)
      if (taken === 0 && bytes.length > 0)
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      file.room -= taken
      parts.push(Buffer.from(bytes.subarray(0, taken)))
      return taken
    },
    sync: async () => undefined,
    close: async () => {
      file.closed = true
    },
  }
  return file
}
