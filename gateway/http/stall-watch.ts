import type { Socket } from 'node:net'
import type { HttpLimits } from './context.ts'

/** What has taken too long: the rest of a head, the next request, or the exchange that is open. */
export type Stall = 'head' | 'idle' | 'exchange'

/** How often in `idleMs` is looked whether a connection is quiet: so much of it may a limit be noticed late. */
const looks = 4

/**
 * Time limits of one client connection. They cost nothing per message: now and then it is looked whether bytes have come or gone.
 */
export class StallWatch implements Disposable {
  readonly #client: Socket
  readonly #limits: HttpLimits
  readonly #isOpen: () => boolean
  readonly #onStall: (stall: Stall) => void
  readonly #looking: NodeJS.Timeout
  readonly #lookMs: number
  #head: NodeJS.Timeout | undefined
  /** That came and went until the last look. */
  #bytes = 0
  #quietMs = 0

  /** `isOpen`: is an exchange under way? */
  constructor(client: Socket, limits: HttpLimits, isOpen: () => boolean, onStall: (stall: Stall) => void) {
    this.#client = client
    this.#limits = limits
    this.#isOpen = isOpen
    this.#onStall = onStall
    this.#lookMs = limits.idleMs / looks
    this.#looking = setInterval(this.#look, this.#lookMs).unref()
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
    clearInterval(this.#looking)
  }

  readonly #look = (): void => {
    const bytes = this.#client.bytesRead + this.#client.bytesWritten
    this.#quietMs = bytes === this.#bytes ? this.#quietMs + this.#lookMs : 0
    this.#bytes = bytes
    // The answer may be over for its origin and still be on its way to a client that reads when it likes.
    const stall = this.#isOpen() || this.#client.writableLength > 0 ? 'exchange' : 'idle'
    if (this.#quietMs < (stall === 'idle' ? this.#limits.idleMs : this.#limits.stallMs)) return
    clearInterval(this.#looking)
    this.#onStall(stall)
  }
}
