import { lineHash, zeroHash } from './line.ts'
import { isSealIntact } from './seal.ts'

/** What is wrong with a log; the message is in `ChainStatus`. */
export type ChainFault = 'unreadable' | 'sequence' | 'changed' | 'after-seal' | 'seal'

/** What a log's chain says. Line numbers are 1, 2, 3 …, as an editor counts. */
export type ChainStatus =
  | { readonly state: 'sealed'; readonly lines: number; readonly head: string }
  | {
      readonly state: 'unsealed'
      readonly lines: number
      readonly head: string
      readonly line: number
      readonly message: string
    }
  | {
      readonly state: 'broken'
      readonly lines: number
      readonly head: string
      readonly line: number
      readonly fault: ChainFault
      readonly message: string
    }

interface Fault {
  readonly line: number
  readonly fault: ChainFault
  readonly message: string
}

/** A line as far as the chain needs it. */
interface Link {
  readonly seq: unknown
  readonly prev: unknown
  readonly seals: boolean
  /** `details.lines` of a last line, if that is a number. */
  readonly counts: number | undefined
}

/**
 * Checks a log line by line: numbers, hashes, seal. A hash that does not fit can be the fault of either of two lines;
 * the line after them tells which, so a verdict may come one line late. Pure but for its own state.
 */
export class ChainChecker {
  #lines = 0
  /** Hash of the last line seen. */
  #head = zeroHash
  #fault: Fault | undefined
  /** The last line's `prev` was not the hash of the line before it. */
  #suspect = false
  /** The last line claims to be the seal; undefined when it does not. */
  #seal: 'intact' | 'changed' | undefined

  /** Takes the next line, without its line feed. */
  next(bytes: Buffer): void {
    this.#lines += 1
    const link = parseLink(bytes)
    if (this.#fault === undefined) this.#check(link, bytes)
    this.#head = lineHash(bytes)
  }

  /** The verdict; `rest` is what follows the last line feed, empty when the file ends as it should. */
  status(rest: Buffer): ChainStatus {
    if (this.#suspect) this.#settle(this.#seal === 'changed' ? this.#lines : this.#lines - 1)
    const lines = this.#lines
    const head = this.#head
    if (this.#fault !== undefined) return { state: 'broken', lines, head, ...this.#fault }
    if (rest.length > 0)
      return { state: 'unsealed', lines, head, line: lines + 1, message: `line ${lines + 1} is cut short` }
    if (this.#seal === 'intact') return { state: 'sealed', lines, head }
    const message = lines === 0 ? 'it is empty' : `it ends without its seal: cut after line ${lines}`
    return { state: 'unsealed', lines, head, line: lines, message }
  }

  #check(link: Link | undefined, bytes: Buffer): void {
    const line = this.#lines
    if (this.#suspect) return this.#settle(link !== undefined && link.prev === this.#head ? line - 2 : line - 1)
    if (this.#seal !== undefined) return this.#blame(line, 'after-seal', `line ${line} stands after the seal`)
    if (link === undefined || typeof link.seq !== 'number')
      return this.#blame(line, 'unreadable', `line ${line} is no line of a tidegate log`)
    if (link.seq !== line - 1) {
      return this.#blame(
        line,
        'sequence',
        `line ${line} has number ${String(link.seq)} where ${line - 1} belongs: lines are missing, moved or added`,
      )
    }
    if (link.seals) this.#seal = isSealIntact(bytes.toString('latin1')) ? 'intact' : 'changed'
    if (link.prev !== this.#head) {
      if (line === 1) return this.#settle(line)
      this.#suspect = true
      return
    }
    if (this.#seal === 'changed') return this.#blame(line, 'seal', `line ${line}, the seal, was changed`)
    if (link.seals && link.counts !== line)
      this.#blame(line, 'seal', `the seal counts ${link.counts ?? 'no'} lines, the log has ${line}`)
  }

  #settle(line: number): void {
    this.#suspect = false
    this.#blame(line, 'changed', `line ${line} was changed: its hash is not the one the log holds for it`)
  }

  #blame(line: number, fault: ChainFault, message: string): void {
    this.#fault ??= { line, fault, message }
  }
}

function parseLink(bytes: Buffer): Link | undefined {
  const value = parseObject(bytes)
  if (value === undefined || value['v'] !== 1) return undefined
  const details = value['details']
  const seals = value['layer'] === 'job' && value['event'] === 'sealed'
  const counts = typeof details === 'object' && details !== null && 'lines' in details ? details.lines : undefined
  // A log may be anybody's, and what is wrong with it is told on a terminal: of its text, nothing.
  return { seq: value['seq'], prev: value['prev'], seals, counts: typeof counts === 'number' ? counts : undefined }
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('latin1'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
