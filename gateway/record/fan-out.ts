import type { FlowEvent, Sink } from './event.ts'

/** One event, many sinks: one that throws does not keep the event from the others, and `onSinkError` hears of it. */
export function fanOut(sinks: readonly Sink[], onSinkError: (cause: unknown) => void): Sink {
  return {
    write(event: FlowEvent): void {
      for (const sink of sinks) {
        try {
          sink.write(event)
        } catch (cause) {
          onSinkError(cause)
        }
      }
    },
  }
}
