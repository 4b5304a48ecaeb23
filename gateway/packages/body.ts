import { createHash, type Hash } from 'node:crypto'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Digests, Ecosystem } from './asked.ts'

const longestSent = 8 * 1_048_576
const longestDecoded = 16 * 1_048_576
/** Of all bodies of a job that are being collected. */
const mostHeld = 64 * 1_048_576

/** Bytes that one job's collected bodies may still take. */
export class HoldingBudget {
  #left = mostHeld

  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#left += bytes
  }
}

/** A body that is to be read as a whole, in bounded memory. */
export class CollectedBody implements Disposable {
  readonly #budget: HoldingBudget
  readonly #parts: Buffer[] = []
  #length = 0
  #isOver = false

  constructor(budget: HoldingBudget) {
    this.#budget = budget
  }

  /** Takes a copy. */
  add(part: Buffer): void {
    if (this.#isOver) return
    if (this.#length + part.length > longestSent || !this.#budget.take(part.length)) {
      this[Symbol.dispose]()
      this.#isOver = true
      return
    }
    this.#parts.push(Buffer.from(part))
    this.#length += part.length
  }

  /** What was sent, with its codings taken off; undefined when it is too long, or coded in a way that we cannot read. */
  read(codings: string | undefined): Buffer | undefined {
    if (this.#isOver) return undefined
    return decode(Buffer.concat(this.#parts), codings)
  }

  [Symbol.dispose](): void {
    this.#budget.giveBack(this.#length)
    this.#parts.length = 0
    this.#length = 0
  }
}

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  identity: bytes => bytes,
  gzip: bytes => gunzipSync(bytes, { maxOutputLength: longestDecoded }),
  'x-gzip': bytes => gunzipSync(bytes, { maxOutputLength: longestDecoded }),
  deflate: bytes => inflateSync(bytes, { maxOutputLength: longestDecoded }),
  br: bytes => brotliDecompressSync(bytes, { maxOutputLength: longestDecoded }),
  zstd: bytes => zstdDecompressSync(bytes, { maxOutputLength: longestDecoded }),
}

/** Takes off codings in the reverse order of the field (RFC 9110 §8.4). @throws Error when a body is not what they say */
function decode(sent: Buffer, codings = ''): Buffer | undefined {
  let bytes = sent
  for (const coding of codings
    .toLowerCase()
    .split(',')
    .map(one => one.trim())
    .toReversed()) {
    const decoder = decoders[coding === '' ? 'identity' : coding]
    if (decoder === undefined) return undefined
    const decoded = within(decoder, bytes)
    if (decoded === undefined) return undefined
    bytes = decoded
  }
  return bytes
}

/** Undefined when there is more in it than we read. */
function within(decoder: (bytes: Buffer) => Buffer, bytes: Buffer): Buffer | undefined {
  try {
    return decoder(bytes)
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
}

/** An index that is itself a compressed file, unpacked; undefined for formats that we cannot read (xz, bzip2, lzma). */
export function unpackIndex(file: Buffer): Buffer | undefined {
  const start = file.subarray(0, 4).toString('hex')
  if (start.startsWith('1f8b')) return within(bytes => gunzipSync(bytes, { maxOutputLength: longestDecoded }), file)
  if (start === '28b52ffd') return within(bytes => zstdDecompressSync(bytes, { maxOutputLength: longestDecoded }), file)
  return /^(?:fd377a58|425a68|5d0000)/.test(start) ? undefined : file
}

type Algorithm = 'sha1' | 'sha256' | 'sha512'

/** Digests of a body as it passes. */
export class BodyDigests {
  readonly #hashes: readonly (readonly [Algorithm, Hash])[]

  /** SHA-256 always; the others where they are usual, or were `promised`: each costs as much as the first. */
  constructor(ecosystem: Ecosystem, promised: Digests) {
    const usual: readonly Algorithm[] =
      ecosystem === 'npm' ? ['sha512'] : ecosystem === 'maven' ? ['sha1', 'sha512'] : []
    const wanted = new Set<Algorithm>(['sha256', ...usual])
    for (const algorithm of ['sha1', 'sha256', 'sha512'] as const)
      if (promised[algorithm] !== undefined) wanted.add(algorithm)
    this.#hashes = [...wanted].map(algorithm => [algorithm, createHash(algorithm)])
  }

  update(part: Buffer): void {
    for (const [, hash] of this.#hashes) hash.update(part)
  }

  /** To be called once. */
  digests(): Digests {
    return Object.fromEntries(this.#hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
  }
}
