import type { FlowEvent } from './event.ts'
import { lineHash, renderLine, zeroHash } from './line.ts'

const digestField = '"digest":"'

/**
 * The last line. No line follows that could hold its hash, so it carries its own: `details.digest` is the SHA-256 of the
 * line with 64 zeros in that place.
 */
export function sealLine(event: FlowEvent, seq: number, job: string, prev: string): string {
  const blank = renderLine({ ...event, details: { ...event.details, digest: zeroHash } }, seq, job, prev)
  return withDigest(blank, lineHash(blank))
}

/** Whether the digest of a last line is the line's. */
export function isSealIntact(line: string): boolean {
  const digest = line.slice(digestAt(line), digestAt(line) + zeroHash.length)
  return /^[0-9a-f]{64}$/.test(digest) && lineHash(withDigest(line, zeroHash)) === digest
}

function digestAt(line: string): number {
  return line.lastIndexOf(digestField) + digestField.length
}

function withDigest(line: string, digest: string): string {
  const at = digestAt(line)
  return line.slice(0, at) + digest + line.slice(at + zeroHash.length)
}
