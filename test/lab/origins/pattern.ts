import { createHash } from 'node:crypto'

const block = Buffer.from(Uint8Array.from({ length: 65_536 }, (_, index) => (index * 167 + (index >> 8) * 13) & 0xff))

/** The bytes of `/bytes/N`, in pieces of at most 64 KiB. */
export function* patternPieces(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= block.length) yield left >= block.length ? block : block.subarray(0, left)
}

/** SHA-256 (hex) of the bytes of `/bytes/N`. */
export function patternDigest(length: number): string {
  const hash = createHash('sha256')
  for (const piece of patternPieces(length)) hash.update(piece)
  return hash.digest('hex')
}
