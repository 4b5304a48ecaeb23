import type { Socket } from 'node:net'
import type { HttpLimits } from './context.ts'

/** What has taken too long: the rest of a head, the next request, or the exchange that is open. */
export type Stall = 'head' | 'idle' | 'exchange'

/**
 * Time limits of one client connection. An open exchange costs nothing per message: the socket's own timer says when
 * it has been quiet for `idleMs`, and quiet stretches are added up.
 */
export class StallWatch implements Disposable {
  readonly #client: Socket
  readonly #limits: HttpLimits
  readonly #progress: () => number | undefined
  readonly #onStall: (stall: Stall) => void
  #head: NodeJS.Timeout | undefined
  #lastProgress: number | undefined
  #quietMs = 0

  /** `progress`: bytes carried in the open exchange, undefined while none is open. */
  constructor(client: Socket, limits: HttpLimits, progress: () => number | undefined, onStall: (stall: Stall) => void) {
    this.#client = client
    this.#limits = limits
    this.#progress = progress
    this.#onStall = onStall
    client.setTimeout(limits.idleMs)
    client.on('timeout', this.#onQuiet)
  }

  /** The beginning of a head is there; the rest must come within `headMs`, however steadily it drips. */
  expectHead(): void {
    this.#head ??= setTimeout(() => this.#onStall('head'), this.#limits.headMs)
  }

  headRead(): void {
    if (this.#head === undefined) return
    clearTimeout(this.#head)
    this.#head = undefined
  }

  [Symbol.dispose](): void {
    this.headRead()
    this.#client.off('timeout', this.#onQuiet)
    this.#client.setTimeout(0)
  }

  readonly #onQuiet = (): void => {
    const progress = this.#progress()
    if (progress === undefined) return this.#onStall('idle')
    this.#quietMs = progress === this.#lastProgress ? this.#quietMs + this.#limits.idleMs : this.#limits.idleMs
    this.#lastProgress = progress
    if (this.#quietMs >= this.#limits.stallMs) return this.#onStall('exchange')
    this.#client.setTimeout(this.#limits.idleMs)
  }
}
