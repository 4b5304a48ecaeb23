import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Waits until a stream takes more, or never will. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return
  const waiting = new AbortController()
  const { signal } = waiting
  await Promise.race(['drain', 'close'].map(event => once(stream, event, { signal }))).catch(() => {})
  waiting.abort()
}
