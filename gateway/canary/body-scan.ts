import type { Encoding, Pattern } from './encodings.ts'
import { type Matcher, StreamMatcher } from './matcher.ts'
import { memorySize } from './sliding-window.ts'
import { Gunzip, type Unpacker, unpackerOf } from './unpack.ts'
import type { Canary } from './values.ts'

/** A canary that was found, and how it was written there. */
export interface Sighting {
  readonly canary: Canary
  readonly encoding: Encoding
  /** Found in what came out of it when it was unpacked. */
  readonly packed: boolean
}

/** What a gzip file begins with (RFC 1952 §2.3.1). */
const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08])

/** Looks through one body while it passes: as it is, and unpacked where it is packed. */
export class BodyScan {
  readonly #found: (sighting: Sighting) => void
  readonly #matcher: Matcher
  readonly #plain: StreamMatcher
  /** Of the body's declared coding. */
  readonly #declared: Unpacker | undefined
  /** Of a gzip file that begins somewhere in it: a form's field, an archive that nobody declared. */
  #embedded: Gunzip | undefined
  #memory: Buffer | undefined
  #tail = Buffer.alloc(0)
  #isCapped = false

  /** `codings`: the value of Content-Encoding. `found` may be told the same canary more than once. */
  constructor(matcher: Matcher, codings: string, found: (sighting: Sighting) => void) {
    this.#matcher = matcher
    this.#found = found
    this.#plain = new StreamMatcher(matcher, pattern => this.#tell(pattern, false))
    this.#declared = unpackerOf(codings.trim().toLowerCase(), this.#unpacked())
  }

  /** True when some of it was not unpacked. */
  get isCapped(): boolean {
    return this.#isCapped || (this.#declared?.isCapped ?? false) || (this.#embedded?.isCapped ?? false)
  }

  push(part: Buffer): void {
    this.#plain.push(part)
    if (this.#declared !== undefined) this.#declared.push(part)
    else this.#lookForGzip(part)
  }

  /** The body is whole. */
  end(): void {
    this.#declared?.end()
  }

  #lookForGzip(part: Buffer): void {
    let bytes: Buffer | undefined = part
    for (;;) {
      if (this.#embedded === undefined) bytes = this.#begin(bytes)
      if (this.#embedded === undefined || bytes === undefined) return
      this.#embedded.push(bytes)
      if (!this.#embedded.isDone) return
      this.#isCapped ||= this.#embedded.isCapped
      bytes = this.#embedded.rest
      this.#embedded = undefined
    }
  }

  /** Begins with the first archive in `part`, or across its beginning; what there is of it. */
  #begin(part: Buffer): Buffer | undefined {
    const head = gzipMagic.length - 1
    const seam = Buffer.concat([this.#tail, part.subarray(0, head)])
    const across = seam.indexOf(gzipMagic)
    const at = part.indexOf(gzipMagic)
    const archive =
      across !== -1 ? Buffer.concat([this.#tail.subarray(across), part]) : at !== -1 ? part.subarray(at) : undefined
    if (archive === undefined) {
      this.#tail = Buffer.from(part.length >= head ? part.subarray(-head) : seam.subarray(-head))
      return undefined
    }
    this.#tail = Buffer.alloc(0)
    this.#memory ??= Buffer.allocUnsafe(memorySize)
    this.#embedded = new Gunzip(this.#unpacked(), this.#memory)
    return archive
  }

  #unpacked(): (part: Buffer) => void {
    let inside: StreamMatcher | undefined
    return part => {
      inside ??= new StreamMatcher(this.#matcher, pattern => this.#tell(pattern, true))
      inside.push(part)
    }
  }

  #tell({ canary, encoding }: Pattern, packed: boolean): void {
    this.#found({ canary, encoding, packed })
  }
}
