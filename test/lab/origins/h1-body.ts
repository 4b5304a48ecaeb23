import { headerOf, type HeaderLine } from './exchange.ts'
import type { Inbound } from './inbound.ts'

/**
 * Reads one request body, decoded. `onRaw` sees every byte of it as it was framed. Returns whether it ended properly.
 * Chunked wins over a length, as in most servers.
 */
export async function* h1Body(
  headers: readonly HeaderLine[],
  inbound: Inbound,
  onRaw: (piece: Buffer) => void,
  trailers: HeaderLine[],
): AsyncGenerator<Buffer, boolean> {
  if (/chunked/i.test(headerOf(headers, 'transfer-encoding') ?? '')) return yield* chunked(inbound, onRaw, trailers)
  const length = Number(headerOf(headers, 'content-length') ?? 0)
  return yield* exactly(inbound, Number.isSafeInteger(length) && length > 0 ? length : 0, onRaw)
}

async function* exactly(
  inbound: Inbound,
  length: number,
  onRaw: (piece: Buffer) => void,
): AsyncGenerator<Buffer, boolean> {
  for (let left = length; left > 0;) {
    const piece = await inbound.read()
    if (piece === undefined) return false
    const part = piece.subarray(0, left)
    inbound.unread(piece.subarray(part.length))
    left -= part.length
    onRaw(part)
    yield part
  }
  return true
}

async function* chunked(
  inbound: Inbound,
  onRaw: (piece: Buffer) => void,
  trailers: HeaderLine[],
): AsyncGenerator<Buffer, boolean> {
  for (;;) {
    const sizeLine = await inbound.readUntil('\n', 65_536)
    onRaw(sizeLine)
    const size = Number.parseInt(sizeLine.toString('latin1'), 16)
    if (!Number.isInteger(size)) return false
    if (size === 0) break
    if (!(yield* exactly(inbound, size, onRaw))) return false
    onRaw(await inbound.readUntil('\n', 65_536))
  }
  for (;;) {
    const line = await inbound.readUntil('\n', 65_536)
    onRaw(line)
    const text = line.toString('latin1').replace(/\r?\n$/, '')
    if (line.length === 0) return false
    if (text === '') return true
    const colon = text.indexOf(':')
    trailers.push([text.slice(0, colon), text.slice(colon + 1).trim()])
  }
}
