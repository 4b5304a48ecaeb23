import { parsePolicy } from '../policy/document-parse.ts'
import { narrow } from '../policy/narrow.ts'
import type { Policy } from '../policy/policy.ts'

/**
 * The policy of one job while it runs: the platform's, and whatever the job narrowed it by. Both may change; what is in
 * force is always the two of them together, replaced as a whole.
 */
export class PolicyInForce {
  #platform: Policy
  #narrowing: readonly Policy[] = []
  #current: Policy
  #isClosed = false
  readonly #looking = new Set<() => void>()

  constructor(platform: Policy) {
    this.#platform = platform
    this.#current = platform
  }

  get current(): Policy {
    return this.#current
  }

  /** The platform's policy was read again; what the job narrowed stays narrowed. */
  replace(platform: Policy): void {
    this.#platform = platform
    this.#change()
  }

  /** From now on a flow passes only if this policy allows it as well. Nothing takes that back. */
  narrow(job: Policy): void {
    this.#narrowing = [...this.#narrowing, job]
    this.#change()
  }

  /** From now on nothing passes. Nothing takes that back. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.narrow(parsePolicy('version: 1\nmode: block\nallow: []\n', '(closed)', () => undefined))
  }

  /** What would be in force with another policy of the platform. */
  withPlatform(platform: Policy): Policy {
    return this.#narrowing.reduce(narrow, platform)
  }

  /** Calls `look` after each change, before anything else runs, until disposed. `look` must not throw. */
  onChange(look: () => void): Disposable {
    // A function of its own for each call: the same `look` may be registered twice.
    const entry = (): void => look()
    this.#looking.add(entry)
    return { [Symbol.dispose]: () => void this.#looking.delete(entry) }
  }

  #change(): void {
    this.#current = this.withPlatform(this.#platform)
    // Not a copy: what one look ends need not be looked at by the next.
    for (const look of this.#looking) look()
  }
}
