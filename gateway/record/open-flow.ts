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
  /** Becomes the event: one object from open to written, as this runs once per request of a proxy. */
  readonly #event: { -readonly [Key in keyof FlowEvent]: FlowEvent[Key] }
  readonly #startedAt: number
  readonly #write: (event: FlowEvent) => void
  readonly #now: () => number
  #written = false

  constructor(facts: Omit<FlowEvent, 'startedAt'>, write: (event: FlowEvent) => void, now: () => number) {
    this.#startedAt = now()
    this.#event = { ...facts, startedAt: this.#startedAt }
    this.#write = write
    this.#now = now
  }

  set status(status: number) {
    if (!this.#written) this.#event.status = status
  }

  note(facts: Partial<FlowEvent>): void {
    if (this.#written) return
    const { details } = this.#event
    Object.assign(this.#event, facts)
    // Several may look at one flow, each with details of its own.
    if (details !== undefined && facts.details !== undefined) this.#event.details = { ...details, ...facts.details }
  }

  [Symbol.dispose](): void {
    if (this.#written) return
    this.#written = true
    const event = this.#event
    event.durationMs ??= Math.max(0, this.#now() - this.#startedAt)
    event.bytesSent = this.sent
    event.bytesReceived = this.received
    this.#write(event)
  }
}
