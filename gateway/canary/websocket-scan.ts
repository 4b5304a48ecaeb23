import type { Sighting } from './body-scan.ts'
import { type Matcher, StreamMatcher } from './matcher.ts'
import { Deflated } from './unpack.ts'

/** Octets of the longest head of a frame: two, a length of eight, a mask of four (RFC 6455 §5.2). */
const maxHead = 14
/** What a sender leaves out at the end of a packed message (RFC 7692 §7.2.1). */
const omitted = Buffer.from([0, 0, 0xff, 0xff])
const control = 8

/** Looks through what a client says over a WebSocket while it passes: unmasked, and unpacked where it is packed. */
export class WebSocketScan {
  readonly #plain: StreamMatcher
  readonly #inside: StreamMatcher
  #unpacker: Deflated
  #head = Buffer.alloc(0)
  /** Octets of the frame that are still to come. */
  #left = 0
  #mask = Buffer.alloc(4)
  /** Octets of the frame that were unmasked. */
  #seen = 0
  #isPacked = false
  #endsMessage = false
  #isControl = false
  #wasCapped = false

  /** `found` may be told the same canary more than once. */
  constructor(matcher: Matcher, found: (sighting: Sighting) => void) {
    this.#plain = new StreamMatcher(matcher, ({ canary, encoding }) => found({ canary, encoding, packed: false }))
    this.#inside = new StreamMatcher(matcher, ({ canary, encoding }) => found({ canary, encoding, packed: true }))
    this.#unpacker = this.#newUnpacker()
  }

  /** True when some of it was not unpacked. */
  get isCapped(): boolean {
    return this.#wasCapped || this.#unpacker.isCapped
  }

  push(part: Buffer): void {
    let rest = part
    while (rest.length > 0) {
      rest = this.#left > 0 ? this.#takePayload(rest) : this.#takeHead(rest)
    }
  }

  end(): void {}

  #takeHead(part: Buffer): Buffer {
    const before = this.#head.length
    const bytes = Buffer.concat([this.#head, part.subarray(0, maxHead - before)])
    const length = headLength(bytes)
    if (bytes.length < length) {
      this.#head = bytes
      return Buffer.alloc(0)
    }
    this.#head = Buffer.alloc(0)
    this.#begin(bytes.subarray(0, length))
    return part.subarray(length - before)
  }

  #begin(head: Buffer): void {
    const [first = 0, second = 0] = head
    const opcode = first & 15
    this.#isControl = opcode >= control
    // Only a message's first frame says whether it is packed; control frames stand between, and never are.
    if (!this.#isControl && opcode !== 0) this.#isPacked = (first & 0x40) !== 0
    this.#endsMessage = (first & 0x80) !== 0
    const short = second & 127
    this.#left = short < 126 ? short : short === 126 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
    this.#mask = (second & 0x80) === 0 ? Buffer.alloc(4) : Buffer.from(head.subarray(-4))
    this.#seen = 0
    if (this.#left === 0) this.#endFrame()
  }

  #takePayload(part: Buffer): Buffer {
    const length = Math.min(part.length, this.#left)
    // A copy: what passes is not ours to change.
    const payload = Buffer.from(part.subarray(0, length))
    for (let at = 0; at < length; at += 1) {
      payload[at] = (payload[at] ?? 0) ^ (this.#mask[(this.#seen + at) & 3] ?? 0)
    }
    this.#seen += length
    this.#left -= length
    if (this.#isPacked && !this.#isControl) this.#unpack(payload)
    else this.#plain.push(payload)
    if (this.#left === 0) this.#endFrame()
    return part.subarray(length)
  }

  #endFrame(): void {
    if (this.#isPacked && this.#endsMessage && !this.#isControl) this.#unpack(omitted)
  }

  #unpack(payload: Buffer): void {
    // A message may end its stream; the next begins another one.
    if (this.#unpacker.isDone && !this.#unpacker.isCapped) this.#unpacker = this.#newUnpacker()
    this.#unpacker.push(payload)
    this.#wasCapped ||= this.#unpacker.isCapped
  }

  #newUnpacker(): Deflated {
    return new Deflated(part => this.#inside.push(part), 'bare')
  }
}

/** How long a frame's head is, as far as `bytes` tell. */
function headLength(bytes: Buffer): number {
  const second = bytes[1]
  if (second === undefined) return 2
  const short = second & 127
  return 2 + (short < 126 ? 0 : short === 126 ? 2 : 8) + ((second & 0x80) === 0 ? 0 : 4)
}
