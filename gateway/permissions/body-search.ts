import type { RequestLook } from '../insight/insight.ts'
import type { FlowEvent } from '../record/event.ts'
import type { Identity } from './identities.ts'

/** A credential that bodies are searched for. */
export interface Wanted {
  readonly bytes: Buffer
  readonly identity: Identity
}

/** Searches what a request sends for credentials as they are, over the seams of its pieces. */
export class BodySearch implements RequestLook {
  readonly note: Partial<FlowEvent> | undefined
  readonly #wanted: readonly Wanted[]
  readonly #found: (identity: Identity) => void
  readonly #overlap: number
  #end: Buffer = Buffer.alloc(0)

  /** `found` may be told of the same credential again. */
  constructor(note: Partial<FlowEvent> | undefined, wanted: readonly Wanted[], found: (identity: Identity) => void) {
    this.note = note
    this.#wanted = wanted
    this.#found = found
    this.#overlap = Math.max(0, ...wanted.map(({ bytes }) => bytes.length - 1))
  }

  sending(part: Buffer): undefined {
    if (this.#overlap === 0) return
    const seam = Buffer.concat([this.#end, part.subarray(0, this.#overlap)])
    for (const { bytes, identity } of this.#wanted) {
      if (part.indexOf(bytes) !== -1 || seam.indexOf(bytes) !== -1) this.#found(identity)
    }
    // A copy: the piece is only valid during the call. Short pieces add up.
    const end = part.length >= this.#overlap ? part : Buffer.concat([this.#end, part])
    this.#end = Buffer.from(end.subarray(Math.max(0, end.length - this.#overlap)))
  }
}
