import { GatewayError } from '../../errors.ts'
import type { OctetPath } from '../plain-file.ts'

/** One entry of an archive; `content` is to be read before the next is asked for. */
export interface TarEntry {
  readonly path: OctetPath
  readonly kind: 'file' | 'executable' | 'link' | 'hard-link' | 'folder' | 'other'
  /** Of a link. */
  readonly target: OctetPath
  readonly size: number
  readonly content: AsyncGenerator<Buffer, void, void>
}

const blockBytes = 512
const longestName = 65_536
const longestHeader = 1_048_576
const mostEntries = 2_000_000

/** POSIX.1-1988 (ustar), pax headers of POSIX.1-2001 and GNU's long names; what is not one of them is an error. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry, void, void> {
  const bytes = new Bytes(source)
  let next: { path?: OctetPath; target?: OctetPath; size?: number } = {}
  for (let count = 0; count < mostEntries; count += 1) {
    const head = await bytes.exactly(blockBytes)
    if (head === undefined) throw broken('it ends without its end')
    if (head.every(byte => byte === 0)) return bytes.onlyZeros()
    if (!hasRightSum(head)) throw broken('a header has the wrong sum')
    const type = head.toString('latin1', 156, 157)
    const size = next.size ?? numberAt(head, 124, 12)
    if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
      if (size > longestHeader) throw broken('a header is too long')
      const text = (await bytes.exactly(size)) ?? Buffer.alloc(0)
      await bytes.skip(padding(size))
      if (type === 'L') next = { ...next, path: upToNul(text) }
      else if (type === 'K') next = { ...next, target: upToNul(text) }
      else if (type === 'x') next = { ...next, ...paxFacts(text) }
      continue
    }
    const path = next.path ?? ustarName(head)
    const target = next.target ?? upToNul(head.subarray(157, 257))
    next = {}
    if (path.length > longestName) throw broken('a name is too long')
    const isData = kindOf(type, head) === 'file' || kindOf(type, head) === 'executable'
    const left = { bytes: isData ? size : 0 }
    yield { path, kind: kindOf(type, head), target, size: left.bytes, content: contentOf(bytes, left) }
    await bytes.skip(left.bytes + padding(isData ? size : 0))
  }
  throw broken(`it has more than ${mostEntries} entries`)
}

async function* contentOf(bytes: Bytes, left: { bytes: number }): AsyncGenerator<Buffer, void, void> {
  while (left.bytes > 0) {
    const piece = await bytes.atMost(left.bytes)
    if (piece === undefined) throw broken('a file ends too early')
    left.bytes -= piece.length
    yield piece
  }
}

function kindOf(type: string, head: Buffer): TarEntry['kind'] {
  if (type === '0' || type === '\0' || type === '7') {
    // Before ustar a folder was a file whose name ends with a slash.
    if (ustarName(head).endsWith('/')) return 'folder'
    return (numberAt(head, 100, 8) & 0o100) === 0 ? 'file' : 'executable'
  }
  if (type === '1') return 'hard-link'
  if (type === '2') return 'link'
  return type === '5' ? 'folder' : 'other'
}

function ustarName(head: Buffer): OctetPath {
  const name = upToNul(head.subarray(0, 100))
  const prefix = head.toString('latin1', 257, 263) === 'ustar\0' ? upToNul(head.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Octal digits; or, with the highest bit set, a number of base 256 (GNU). */
function numberAt(head: Buffer, at: number, length: number): number {
  const field = head.subarray(at, at + length)
  const first = field[0] ?? 0
  let number = 0
  if ((first & 0x80) !== 0)
    for (const [index, byte] of field.entries()) number = number * 256 + (index === 0 ? byte & 0x7f : byte)
  else {
    const text = upToNul(field).trim()
    if (!/^[0-7]*$/.test(text)) throw broken('a header has no number where one belongs')
    number = text === '' ? 0 : Number.parseInt(text, 8)
  }
  if (!Number.isSafeInteger(number)) throw broken('a number is too large')
  return number
}

/** The sum of a header's bytes, its own field taken as spaces. */
function hasRightSum(head: Buffer): boolean {
  let sum = 0
  for (const [at, byte] of head.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte
  return sum === numberAt(head, 148, 8)
}

/** Records of `LENGTH KEYWORD=VALUE\n`. */
function paxFacts(text: Buffer): { path?: OctetPath; target?: OctetPath; size?: number } {
  const facts: { path?: OctetPath; target?: OctetPath; size?: number } = {}
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(0x20, at)
    const length = Number(text.toString('latin1', at, space))
    if (space === -1 || !Number.isInteger(length) || length <= space - at || at + length > text.length)
      throw broken('a pax header is wrong')
    const [, keyword, value = ''] = /^([^=]+)=([\s\S]*)\n$/.exec(text.toString('latin1', space + 1, at + length)) ?? []
    if (keyword === 'path') facts.path = value
    else if (keyword === 'linkpath') facts.target = value
    else if (keyword === 'size') facts.size = sizeOf(value)
    at += length
  }
  return facts
}

function sizeOf(text: string): number {
  const size = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(size)) return size
  throw broken('a size is no number')
}

function upToNul(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end)
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes
}

/** Bytes of a stream, by number. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Some, not more than `most`; undefined at the end. */
  async atMost(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return undefined
      this.#rest = next.value
    }
    const piece = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(piece.length)
    return piece
  }

  /** Undefined when there are fewer. */
  async exactly(count: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = []
    for (let left = count; left > 0;) {
      const piece = await this.atMost(left)
      if (piece === undefined) return undefined
      pieces.push(piece)
      left -= piece.length
    }
    return Buffer.concat(pieces)
  }

  /** Reads the rest. Some programs go on behind the end of an archive, others do not: nothing may be there. */
  async onlyZeros(): Promise<void> {
    for (let piece = await this.atMost(65_536); piece !== undefined; piece = await this.atMost(65_536))
      if (!piece.every(byte => byte === 0)) throw broken('something follows its end')
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const piece = await this.atMost(left)
      if (piece === undefined) throw broken('it ends too early')
      left -= piece.length
    }
  }
}

function broken(why: string): GatewayError {
  return new GatewayError('SOURCE_UNREADABLE', `the archive is no whole tar file: ${why}`)
}
