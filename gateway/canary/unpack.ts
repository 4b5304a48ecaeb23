import { brotliDecompressSync, constants, zstdDecompressSync } from 'node:zlib'
import { Inflate } from './inflate.ts'
import { memorySize } from './sliding-window.ts'

/** What unpacks a body, or a part of one, while it passes. */
export interface Unpacker {
  push(part: Buffer): void
  /** The body is whole. */
  end(): void
  /** True when not all of it was unpacked, as it grows beyond what a gateway can afford to look at. */
  readonly isCapped: boolean
  /** Nothing more comes of it: it ended, or it never was what it said. */
  readonly isDone: boolean
}

/** Takes what comes out; a piece is only valid during the call. */
type Out = (part: Buffer) => void

/** Octets that may come out of a body: text becomes three to ten times as long, and a bomb a thousand times. */
const freeOctets = 4 * 1_048_576
const growth = 20
/** Longest head of a gzip member that is waited for: it may hold a file name and a comment. */
const maxHead = 65_536
/** Of what `node:zlib` can only unpack from its beginning, so many packed octets are kept. */
const maxKept = 1_048_576
const gzipTrailer = 8

/** The unpacker of a content coding (RFC 9110 §8.4.1); undefined for one that is not packed, or not known. */
export function unpackerOf(coding: string, out: Out): Unpacker | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return new Gunzip(out)
    case 'deflate':
      return new Deflated(out)
    case 'br':
      return new Whole(out, (kept, most) =>
        brotliDecompressSync(kept, { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: most }),
      )
    case 'zstd':
      return new Whole(out, (kept, most) =>
        zstdDecompressSync(kept, { finishFlush: constants.ZSTD_e_flush, maxOutputLength: most }),
      )
    default:
      return undefined
  }
}

/** What came in and went out, and whether that is still in proportion. */
class Proportion {
  #taken = 0
  #given = 0
  readonly #out: Out

  constructor(out: Out) {
    this.#out = out
  }

  take(octets: number): void {
    this.#taken += octets
  }

  readonly give = (part: Buffer): void => {
    this.#given += part.length
    this.#out(part)
  }

  /** How many octets may come out now. */
  get budget(): number {
    return freeOctets + growth * this.#taken - this.#given
  }
}

/** DEFLATE as the coding `deflate` has it: in zlib's frame (RFC 1950) or, from some clients, without. */
export class Deflated implements Unpacker {
  readonly #proportion: Proportion
  readonly #inflate: Inflate
  /** The beginning, until it can be told whether it is a frame's. */
  #head: Buffer | undefined
  isCapped = false

  constructor(out: Out, frame: 'maybe' | 'bare' = 'maybe') {
    this.#proportion = new Proportion(out)
    this.#inflate = new Inflate(this.#proportion.give)
    this.#head = frame === 'bare' ? undefined : Buffer.alloc(0)
  }

  get isDone(): boolean {
    return this.isCapped || this.#inflate.isOver || this.#inflate.isBroken
  }

  push(part: Buffer): void {
    if (this.isDone) return
    this.#proportion.take(part.length)
    let bytes = part
    if (this.#head !== undefined) {
      bytes = Buffer.concat([this.#head, part])
      this.#head = bytes.length < 2 ? bytes : undefined
      if (bytes.length < 2) return
      const isFramed = ((bytes[0] ?? 0) & 15) === 8 && bytes.readUInt16BE(0) % 31 === 0
      if (isFramed) bytes = bytes.subarray(2)
    }
    this.#inflate.push(bytes, this.#proportion.budget)
    this.isCapped = this.#proportion.budget <= 0
  }

  end(): void {}
}

/** One gzip member after another (RFC 1952 §2.2). */
export class Gunzip implements Unpacker {
  readonly #proportion: Proportion
  readonly #memory: Buffer
  #inflate: Inflate | undefined
  #waiting: Buffer = Buffer.alloc(0)
  #skip = 0
  isCapped = false
  isDone = false

  /** `memory` is that of `Inflate`. */
  constructor(out: Out, memory: Buffer = Buffer.allocUnsafe(memorySize)) {
    this.#proportion = new Proportion(out)
    this.#memory = memory
  }

  /** What follows, and is no gzip; only good until the next call. Asked when it is done. */
  get rest(): Buffer {
    return this.#waiting
  }

  push(part: Buffer): void {
    if (this.isDone) return
    this.#proportion.take(part.length)
    this.#waiting = this.#waiting.length === 0 ? part : Buffer.concat([this.#waiting, part])
    while (this.#step());
    this.isCapped = this.#proportion.budget <= 0
    if (this.isCapped) this.isDone = true
    // The part is the caller's own again.
    if (!this.isDone) this.#waiting = Buffer.from(this.#waiting)
  }

  end(): void {}

  /** False when there is nothing more to do with what is there. */
  #step(): boolean {
    if (this.isDone || this.#waiting.length === 0) return false
    if (this.#inflate !== undefined) return this.#unpack(this.#inflate)
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, this.#waiting.length)
      this.#skip -= skipped
      this.#waiting = this.#waiting.subarray(skipped)
      return true
    }
    const end = headEnd(this.#waiting)
    if (end === 'more' && this.#waiting.length < maxHead) return false
    if (typeof end !== 'number') {
      this.isDone = true
      // Looked at: so whoever goes on with the rest comes to an end.
      this.#waiting = this.#waiting.subarray(1)
      return false
    }
    this.#waiting = this.#waiting.subarray(end)
    this.#inflate = new Inflate(this.#proportion.give, this.#memory)
    return true
  }

  #unpack(inflate: Inflate): boolean {
    inflate.push(this.#waiting, this.#proportion.budget)
    this.#waiting = inflate.isOver || inflate.isBroken ? inflate.leftOver : Buffer.alloc(0)
    if (inflate.isBroken) this.isDone = true
    if (!inflate.isOver) return false
    this.#inflate = undefined
    this.#skip = gzipTrailer
    return true
  }
}

/** Where a gzip member's head ends; `more` when it goes on, `none` when this is no such head. Pure. */
function headEnd(bytes: Buffer): number | 'more' | 'none' {
  const [first, second, method, flags = 0] = bytes
  const isGzip = (first ?? 31) === 31 && (second ?? 139) === 139 && (method ?? 8) === 8 && (flags & 0xe0) === 0
  if (!isGzip) return 'none'
  let at = 10
  if ((flags & 4) !== 0) {
    if (bytes.length < at + 2) return 'more'
    at += 2 + bytes.readUInt16LE(at)
  }
  // File name, comment: each ends with a zero.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue
    const zero = bytes.indexOf(0, at)
    if (zero === -1) return 'more'
    at = zero + 1
  }
  if ((flags & 2) !== 0) at += 2
  return bytes.length < at ? 'more' : at
}

/**
 * Formats that `node:zlib` unpacks without waiting only from their beginning. Each time twice as much is there it is done
 * again: the usual body, which comes in one piece, is read before it goes on, and a long one never costs more than twice.
 */
class Whole implements Unpacker {
  readonly #out: Out
  readonly #unpack: (kept: Buffer, most: number) => Buffer
  readonly #parts: Buffer[] = []
  #kept = 0
  #read = 0
  isCapped = false
  isDone = false

  constructor(out: Out, unpack: (kept: Buffer, most: number) => Buffer) {
    this.#out = out
    this.#unpack = unpack
  }

  push(part: Buffer): void {
    if (this.isDone) return
    if (this.#kept + part.length > maxKept) {
      this.end()
      this.isCapped = true
      this.isDone = true
      return
    }
    this.#parts.push(Buffer.from(part))
    this.#kept += part.length
    if (this.#kept >= 2 * this.#read) this.#try()
  }

  end(): void {
    if (!this.isDone && this.#kept > this.#read) this.#try()
  }

  #try(): void {
    this.#read = this.#kept
    try {
      this.#out(this.#unpack(Buffer.concat(this.#parts), freeOctets + growth * this.#kept))
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
      this.isDone = true
      // What is no such format after all is only itself, and that is looked through anyway.
      this.isCapped = code === 'ERR_BUFFER_TOO_LARGE'
    }
  }
}
