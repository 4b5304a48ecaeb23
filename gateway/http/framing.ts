import { unreachable } from '../errors.ts'
import { ChunkScanner } from './chunks.ts'

/** How a body ends (RFC 9112 §6.3). */
export type BodyKind = 'none' | 'length' | 'chunked' | 'until-close'

/**
 * Finds the end of one body after another without touching its bytes. Reused for all messages of one direction of one
 * connection, so that a request costs no allocation here.
 */
export class BodyFrame {
  kind: BodyKind = 'none'
  done = true
  /** The framing is broken; nothing after this can be trusted. */
  broken = false
  /** Payload bytes seen so far: without chunk sizes and trailers. */
  payload = 0
  #remaining = 0
  #onPayload: ((part: Buffer) => void) | undefined
  #chunks = new ChunkScanner()

  /**
   * Begins a body. `length` is only read for kind `length`; `onPayload` is shown each piece of what it carries, `onBeside`
   * what else stands in a chunked one.
   */
  begin(kind: BodyKind, length: number, onPayload?: (part: Buffer) => void, onBeside?: (part: Buffer) => void): void {
    this.#onPayload = onPayload
    this.#chunks.onPayload = onPayload
    this.#chunks.onBeside = onBeside
    this.kind = kind
    this.#remaining = length
    this.payload = 0
    this.broken = false
    this.done = kind === 'none' || (kind === 'length' && length === 0)
    if (kind === 'chunked') this.#chunks.reset()
  }

  /** The offset in `bytes` just after this body's part, from `start` on; sets `done` or `broken`. */
  take(bytes: Buffer, start: number): number {
    switch (this.kind) {
      case 'none':
        return start
      case 'length': {
        const taken = Math.min(this.#remaining, bytes.length - start)
        if (taken > 0) this.#onPayload?.(bytes.subarray(start, start + taken))
        this.#remaining -= taken
        this.payload += taken
        if (this.#remaining === 0) this.done = true
        return start + taken
      }
      case 'chunked': {
        const end = this.#chunks.scan(bytes, start)
        this.payload = this.#chunks.payload
        this.done = this.#chunks.done
        this.broken = this.#chunks.broken
        return end
      }
      case 'until-close':
        if (bytes.length > start) this.#onPayload?.(bytes.subarray(start))
        this.payload += bytes.length - start
        return bytes.length
      default:
        return unreachable(this.kind)
    }
  }
}
