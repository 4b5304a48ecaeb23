import { createReadStream, statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import { ChainChecker, type ChainStatus } from './chain.ts'

/** Longest line that is read, bytes; the gateway writes none above 32 KiB. */
const maxLineBytes = 1_048_576

/**
 * Streams a log through the chain check, and each complete line, numbered 1, 2, 3 …, to `onLine`. Memory does not grow
 * with the log. `log` is an open file, its path, or that of the folder that holds it (`--out`).
 * @throws GatewayError LOG_INVALID when the file cannot be read (no `details.line`) or a line is longer than any of ours
 */
export async function readLog(
  log: string | FileHandle,
  signal: AbortSignal,
  onLine: (bytes: Buffer, number: number) => void = () => undefined,
): Promise<ChainStatus> {
  const chain = new ChainChecker()
  let number = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks(log, signal)) {
    let start = 0
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      number += 1
      const line = bytes.subarray(start, end)
      chain.next(line)
      onLine(line, number)
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > maxLineBytes) throw invalidLine(number + 1, 'it is longer than any line of a tidegate log')
  }
  return chain.status(rest)
}

async function* chunks(log: string | FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  const path = typeof log === 'string' ? fileAt(log) : 'the log'
  try {
    for await (const chunk of typeof log === 'string'
      ? createReadStream(path, { signal, highWaterMark })
      : log.createReadStream({ start: 0, autoClose: false, signal, highWaterMark })) {
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw new GatewayError('LOG_INVALID', `${path} cannot be read: ${fileFault(cause)}`, { cause, details: { path } })
  }
}

const highWaterMark = 262_144

/** The log's own path, also when that of its folder is given. */
function fileAt(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isFolder ? join(path, 'egress.ndjson') : path
}

/** What is wrong with a line of a log. */
export function invalidLine(line: number, why: string, cause?: unknown): GatewayError {
  return new GatewayError('LOG_INVALID', `line ${line} of the log cannot be used: ${why}`, { cause, details: { line } })
}
