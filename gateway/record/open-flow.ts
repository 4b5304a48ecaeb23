import type { FlowEvent, OpenFlow } from './event.ts'

/**
 * Opens the record of one flow at `now()` (Unix milliseconds). Disposing it writes the event, once, however the flow
 * ends; what is noted afterwards is lost, as the line is written. `now` should not run backwards: a negative duration
 * is written as 0.
 */
export function openFlow(
  facts: Omit<FlowEvent, 'startedAt'>,
  write: (event: FlowEvent) => void,
  now: () => number,
): OpenFlow {
  return new Flow(facts, write, now)
}

class Flow implements OpenFlow {
  sent = 0
  received = 0
  readonly #facts: Omit<FlowEvent, 'startedAt'>
  readonly #startedAt: number
  readonly #write: (event: FlowEvent) => void
  readonly #now: () => number
  #written = false

  constructor(facts: Omit<FlowEvent, 'startedAt'>, write: (event: FlowEvent) => void, now: () => number) {
    this.#facts = { ...facts }
    this.#write = write
    this.#now = now
    this.#startedAt = now()
  }

  note(facts: Partial<FlowEvent>): void {
    Object.assign(this.#facts, facts)
  }

  [Symbol.dispose](): void {
    if (this.#written) return
    this.#written = true
    this.#write({
      durationMs: Math.max(0, this.#now() - this.#startedAt),
      startedAt: this.#startedAt,
      ...this.#facts,
      bytesSent: this.sent,
      bytesReceived: this.received,
    })
  }
}
