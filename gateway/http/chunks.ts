import { unreachable } from '../errors.ts'
import { carriageReturn, colon, equalsToken, hexDigit, hexValue, lineFeed, octetClass, token, value } from './octets.ts'

/** Digits of a chunk size: 2^48 bytes are enough, and exact in a double. */
const maxSizeDigits = 12
const semicolon = 0x3b
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c

/** Bytes of all extensions of one body: they are no payload, so no limit on payload bounds them. */
const maxExtensions = 16_384
const maxTrailers = 16_384

/** Fields that would say something about framing or routing after the fact (RFC 9110 §6.5.1). */
const forbiddenTrailers = ['host', 'content-length', 'transfer-encoding'] as const
const longestForbidden = 17

type State =
  | 'size-start'
  | 'size'
  | 'extension-start'
  | 'extension-name'
  | 'extension-value'
  | 'extension-token'
  | 'extension-quoted'
  | 'extension-escape'
  | 'extension-end'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'line-start'
  | 'name'
  | 'value'
  | 'line-lf'
  | 'end-lf'

/**
 * Walks a chunked body (RFC 9112 §7.1) to its end, octet by octet between the chunks and in one step over their data.
 * White space around sizes, bare line breaks, and malformed extensions or trailers break it.
 */
export class ChunkScanner {
  done = false
  broken = false
  /** Bytes of data in all chunks so far. */
  payload = 0
  /** Shown each piece of the data. */
  onPayload: ((part: Buffer) => void) | undefined
  /** Shown each piece of what stands beside it: sizes, extensions, trailers. */
  onBeside: ((part: Buffer) => void) | undefined
  #state: State = 'size-start'
  #remaining = 0
  #digits = 0
  #extensions = 0
  #trailers = 0
  #name = Buffer.alloc(longestForbidden)
  #nameLength = 0

  reset(): void {
    this.done = false
    this.broken = false
    this.payload = 0
    this.#state = 'size-start'
    this.#remaining = 0
    this.#digits = 0
    this.#extensions = 0
    this.#trailers = 0
    this.#nameLength = 0
  }

  /** The offset just after what belongs to this body, from `start` on; `bytes.length` unless `done` or `broken` is set. */
  scan(bytes: Buffer, start: number): number {
    let at = start
    let beside = start
    while (at < bytes.length) {
      if (this.#state === 'data') {
        if (beside < at) this.onBeside?.(bytes.subarray(beside, at))
        const taken = Math.min(this.#remaining, bytes.length - at)
        this.onPayload?.(bytes.subarray(at, at + taken))
        at += taken
        this.#remaining -= taken
        this.payload += taken
        beside = at
        if (this.#remaining === 0) this.#state = 'data-cr'
        continue
      }
      if (!this.#step(bytes[at] ?? 0)) {
        this.broken = true
        return at
      }
      at += 1
      if (this.done) break
    }
    if (beside < at) this.onBeside?.(bytes.subarray(beside, at))
    return at
  }

  /** One octet outside the data; false when it may not stand here. */
  #step(octet: number): boolean {
    switch (this.#state) {
      case 'size-start':
        this.#remaining = 0
        this.#digits = 0
        return this.#readDigit(octet)
      case 'size':
        if (octet === carriageReturn) return this.#to('size-lf')
        if (octet === semicolon) return this.#to('extension-start')
        return this.#readDigit(octet)
      case 'extension-start':
      case 'extension-name':
      case 'extension-value':
      case 'extension-token':
      case 'extension-quoted':
      case 'extension-escape':
      case 'extension-end':
        this.#extensions += 1
        return this.#extensions <= maxExtensions && this.#stepExtension(octet, this.#state)
      case 'size-lf':
        return octet === lineFeed && this.#to(this.#remaining === 0 ? 'line-start' : 'data')
      case 'data':
        return false
      case 'data-cr':
        return octet === carriageReturn && this.#to('data-lf')
      case 'data-lf':
        return octet === lineFeed && this.#to('size-start')
      case 'line-start':
        if (octet === carriageReturn) return this.#to('end-lf')
        this.#nameLength = 0
        this.#state = 'name'
        return this.#readName(octet)
      case 'name':
        if (octet === colon) return !this.#isForbidden() && this.#to('value')
        return this.#readName(octet)
      case 'value':
        if (octet === carriageReturn) return this.#to('line-lf')
        return this.#countTrailer() && ((octetClass[octet] ?? 0) & value) !== 0
      case 'line-lf':
        return octet === lineFeed && this.#to('line-start')
      case 'end-lf':
        this.done = octet === lineFeed
        return this.done
      default:
        return unreachable(this.#state)
    }
  }

  /** `;name`, `;name=token` or `;name="quoted"`, any number of times, without white space. */
  #stepExtension(octet: number, state: `extension-${string}` & State): boolean {
    const isToken = ((octetClass[octet] ?? 0) & token) !== 0
    switch (state) {
      case 'extension-start':
        return isToken && this.#to('extension-name')
      case 'extension-name':
        return isToken || (octet === equals ? this.#to('extension-value') : this.#endExtension(octet))
      case 'extension-value':
        return octet === quote ? this.#to('extension-quoted') : isToken && this.#to('extension-token')
      case 'extension-token':
        return isToken || this.#endExtension(octet)
      case 'extension-quoted':
        if (octet === quote) return this.#to('extension-end')
        if (octet === backslash) return this.#to('extension-escape')
        return ((octetClass[octet] ?? 0) & value) !== 0
      case 'extension-escape':
        return ((octetClass[octet] ?? 0) & value) !== 0 && this.#to('extension-quoted')
      case 'extension-end':
        return this.#endExtension(octet)
      default:
        return unreachable(state)
    }
  }

  #endExtension(octet: number): boolean {
    if (octet === carriageReturn) return this.#to('size-lf')
    return octet === semicolon && this.#to('extension-start')
  }

  #to(state: State): true {
    this.#state = state
    return true
  }

  #readDigit(octet: number): boolean {
    this.#state = 'size'
    this.#digits += 1
    if (this.#digits > maxSizeDigits || ((octetClass[octet] ?? 0) & hexDigit) === 0) return false
    this.#remaining = this.#remaining * 16 + hexValue(octet)
    return true
  }

  #readName(octet: number): boolean {
    if (this.#nameLength < longestForbidden) this.#name[this.#nameLength] = octet
    this.#nameLength += 1
    return this.#countTrailer() && ((octetClass[octet] ?? 0) & token) !== 0
  }

  #isForbidden(): boolean {
    return forbiddenTrailers.some(name => name.length === this.#nameLength && equalsToken(this.#name, 0, name))
  }

  #countTrailer(): boolean {
    this.#trailers += 1
    return this.#trailers <= maxTrailers
  }
}
