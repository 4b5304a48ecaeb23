import { closeSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { GatewayError } from '../../errors.ts'
import { openPlain, readAt, shownPath, type OctetPath, type PlainFile } from '../plain-file.ts'
import { idBytes, type ObjectFormat, type ObjectType } from './object-id.ts'

/** What stands at one place of a pack, inflated: an object, or a delta and what it is made from. */
export type PackEntry =
  | { readonly kind: 'whole'; readonly type: ObjectType; readonly data: Buffer }
  | { readonly kind: 'delta'; readonly base: number | string; readonly data: Buffer }

// gitformat-pack(5): object types, magic numbers, the index's version 2.
const types: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' }
const OFS_DELTA = 6
const REF_DELTA = 7
const indexMagic = 0xff_74_4f_63
const fanoutBytes = 1_024
const indexHeadBytes = 8 + fanoutBytes
/** Entries of the index that are read at once. */
const pageEntries = 256

/**
 * One pack and its index, read piece by piece: neither is ever in memory as a whole. What is read is checked by whoever
 * asked for it by its id.
 */
export class Pack implements Disposable {
  readonly path: OctetPath
  readonly #format: ObjectFormat
  readonly #pack: PlainFile
  readonly #index: PlainFile
  readonly #fanout: Buffer

  private constructor(path: OctetPath, format: ObjectFormat, pack: PlainFile, index: PlainFile, head: Buffer) {
    this.path = path
    this.#format = format
    this.#pack = pack
    this.#index = index
    this.#fanout = head.subarray(8)
  }

  /** `path` without `.pack` or `.idx`. @throws GatewayError SOURCE_UNREADABLE */
  static open(path: OctetPath, format: ObjectFormat): Pack {
    using opening = new DisposableStack()
    const pack = opening.use(plain(`${path}.pack`))
    const index = opening.use(plain(`${path}.idx`))
    const head = readAt(index.fd, 0, indexHeadBytes)
    if (head.length < indexHeadBytes || head.readUInt32BE(0) !== indexMagic || head.readUInt32BE(4) !== 2)
      throw broken(path, 'its index is not of version 2')
    const magic = readAt(pack.fd, 0, 8)
    if (magic.length < 8 || magic.toString('latin1', 0, 4) !== 'PACK') throw broken(path, 'it is no pack')
    opening.move()
    return new Pack(path, format, pack, index, head)
  }

  [Symbol.dispose](): void {
    closeSync(this.#pack.fd)
    closeSync(this.#index.fd)
  }

  /** Where an object is; undefined when it is not here. */
  find(id: string): number | undefined {
    const wanted = Buffer.from(id, 'hex')
    const bucket = wanted[0] ?? 0
    let low = bucket === 0 ? 0 : this.#fanout.readUInt32BE((bucket - 1) * 4)
    let high = this.#fanout.readUInt32BE(bucket * 4)
    const size = idBytes[this.#format]
    while (low < high) {
      const from = high - low <= pageEntries ? low : (low + high) >>> 1
      const count = Math.min(pageEntries, high - from)
      const page = readAt(this.#index.fd, indexHeadBytes + from * size, count * size)
      if (page.length < count * size) throw broken(this.path, 'its index ends too early')
      if (wanted.compare(page, 0, size) < 0) {
        high = from
        continue
      }
      const at = indexIn(page, wanted, size)
      if (at !== undefined) return this.#offsetOf(from + at)
      low = from + count
    }
    return undefined
  }

  /** What stands at `offset`. @throws GatewayError SOURCE_UNREADABLE */
  read(offset: number, mostBytes: number): PackEntry {
    const end = Number(this.#pack.stats.size)
    const head = readAt(this.#pack.fd, offset, Math.min(64, Math.max(0, end - offset)))
    let at = 0
    const byte = (): number => {
      const next = head[at]
      if (next === undefined) throw broken(this.path, 'an object ends too early')
      at += 1
      return next
    }
    const first = byte()
    let size = first & 0x0f
    for (let more = first, scale = 16; more >= 0x80; scale *= 128) {
      more = byte()
      size += (more & 0x7f) * scale
      if (size > mostBytes) throw broken(this.path, `an object has more than ${mostBytes} bytes`)
    }
    const kind = (first >> 4) & 7
    if (kind === OFS_DELTA) {
      const back = distance(byte)
      if (back <= 0 || back >= offset) throw broken(this.path, 'a delta is made from nothing')
      return { kind: 'delta', base: offset - back, data: this.#inflate(offset + at, size) }
    }
    if (kind === REF_DELTA) {
      const length = idBytes[this.#format]
      const base = head.toString('hex', at, at + length)
      return { kind: 'delta', base, data: this.#inflate(offset + at + length, size) }
    }
    const type = types[kind]
    if (type === undefined) throw broken(this.path, `an object is of the unknown type ${kind}`)
    return { kind: 'whole', type, data: this.#inflate(offset + at, size) }
  }

  #inflate(offset: number, size: number): Buffer {
    // What deflate can make of it at the most (zlib, compressBound).
    const bound = size + Math.ceil(size / 1_000) + 64
    const packed = readAt(this.#pack.fd, offset, Math.min(bound, Math.max(0, Number(this.#pack.stats.size) - offset)))
    let data: Buffer
    try {
      data = inflateSync(packed, { maxOutputLength: Math.max(1, size) })
    } catch (cause) {
      throw broken(this.path, 'an object cannot be inflated', cause)
    }
    if (data.length !== size) throw broken(this.path, 'an object is shorter than it says')
    return data
  }

  /** After the ids: checksums of four bytes each, offsets of four, and those beyond 2 GiB of eight. */
  #offsetOf(entry: number): number {
    const total = this.#fanout.readUInt32BE(fanoutBytes - 4)
    const offsets = indexHeadBytes + total * (idBytes[this.#format] + 4)
    const short = readAt(this.#index.fd, offsets + entry * 4, 4)
    if (short.length < 4) throw broken(this.path, 'its index ends too early')
    const offset = short.readUInt32BE(0)
    if (offset < 0x8000_0000) return offset
    const long = readAt(this.#index.fd, offsets + total * 4 + (offset - 0x8000_0000) * 8, 8)
    if (long.length < 8) throw broken(this.path, 'its index ends too early')
    return Number(long.readBigUInt64BE(0))
  }
}

/** How far back the base of a delta is: seven bits a byte, highest first, each further byte adds one (gitformat-pack(5)). */
function distance(byte: () => number): number {
  let next = byte()
  let back = next & 0x7f
  while (next >= 0x80) {
    next = byte()
    back = (back + 1) * 128 + (next & 0x7f)
    if (back > Number.MAX_SAFE_INTEGER / 256) return -1
  }
  return back
}

function indexIn(page: Buffer, wanted: Buffer, size: number): number | undefined {
  for (let at = 0; at < page.length; at += size) if (wanted.compare(page, at, at + size) === 0) return at / size
  return undefined
}

function plain(path: OctetPath): PlainFile {
  const file = openPlain(path)
  if (typeof file === 'string') throw broken(path, `it is ${file}`)
  return file
}

function broken(path: OctetPath, why: string, cause?: unknown): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `the git pack ${shownPath(path)} cannot be read: ${why}`, { cause })
}
