import { carriageReturn, lineFeed } from './octets.ts'

/**
 * The beginning of a head that arrives in pieces. Each octet is looked at once, so that a head sent octet by octet
 * costs no more than one sent whole.
 */
export class HeldBytes {
  #pieces: Buffer[] = []
  #length = 0
  #previous = 0
  /** How much of CR LF CR LF has been seen, 0 to 4. */
  #matched = 0

  get length(): number {
    return this.#length
  }

  /** Adds a piece; true when a head can be read: the empty line has come, or a line break no head may have. */
  push(piece: Buffer): boolean {
    this.#pieces.push(piece)
    this.#length += piece.length
    let readable = false
    for (let at = 0; at < piece.length; at += 1) {
      const octet = piece[at] ?? 0
      if (octet === lineFeed) {
        if (this.#previous !== carriageReturn) readable = true
        this.#matched = this.#matched === 1 ? 2 : this.#matched === 3 ? 4 : 0
        if (this.#matched === 4) readable = true
      } else if (octet === carriageReturn) {
        this.#matched = this.#matched === 2 ? 3 : 1
      } else {
        this.#matched = 0
      }
      this.#previous = octet
    }
    return readable
  }

  /** Adds a piece unread: for bytes that are taken again as a whole before they are looked at. */
  keep(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** All of it, leaving nothing. */
  take(): Buffer {
    const whole = this.#pieces.length === 1 ? this.#pieces[0] : undefined
    const taken = whole ?? Buffer.concat(this.#pieces, this.#length)
    this.#pieces = []
    this.#length = 0
    this.#previous = 0
    this.#matched = 0
    return taken
  }
}
