/** Cuts a stream of bytes into lines, with a bound on what is kept. */
export class Lines {
  readonly #maxBytes: number
  #rest: Buffer = Buffer.alloc(0)

  /** `maxBytes`: longest line, its end included. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that are whole now, without their ends; undefined when one is longer than allowed: then the stream is of no more use. */
  push(chunk: Buffer): readonly string[] | undefined {
    const lines: string[] = []
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      if (end >= this.#maxBytes) return undefined
      lines.push(rest.toString('utf8', 0, end))
      rest = rest.subarray(end + 1)
    }
    if (rest.length >= this.#maxBytes) return undefined
    this.#rest = rest
    return lines
  }
}
