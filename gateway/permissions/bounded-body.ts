import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'

/** Longest body that is read, bytes, as sent and unpacked. */
const longest = 262_144

const unpack: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map(
  Object.entries({
    gzip: bytes => gunzipSync(bytes, { maxOutputLength: longest }),
    'x-gzip': bytes => gunzipSync(bytes, { maxOutputLength: longest }),
    deflate: bytes => inflateSync(bytes, { maxOutputLength: longest }),
    br: bytes => brotliDecompressSync(bytes, { maxOutputLength: longest }),
  }),
)

/** Keeps a body to be read when it is whole; one that is too long is forgotten. */
export class BoundedBody {
  readonly #coding: string
  #parts: Buffer[] = []
  #bytes = 0

  /** `coding`: the Content-Encoding of the body. */
  constructor(coding: string | undefined) {
    this.#coding = (coding ?? 'identity').trim().toLowerCase()
  }

  add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > longest) this.#parts = []
    // A copy: the piece is only valid during the call.
    else this.#parts.push(Buffer.from(part))
  }

  /** The text; undefined where it was too long, or is packed in a way that cannot be undone. */
  text(): string | undefined {
    if (this.#bytes > longest) return undefined
    const bytes = Buffer.concat(this.#parts)
    if (this.#coding === 'identity') return bytes.toString('utf8')
    try {
      return unpack.get(this.#coding)?.(bytes).toString('utf8')
    } catch {
      // Not what it says it is: nothing to be read in it.
      return undefined
    }
  }
}
