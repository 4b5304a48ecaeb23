import type { Line, Window } from './question-log.ts'
import type { Source } from './perform.ts'

/** A reply that can be given again, and the line on which that is counted. */
export interface RecentReply {
  readonly reply: Buffer
  readonly window: Window
  readonly line: Line
  readonly source: Source
}

const maxReplies = 2_000
const maxMessageBytes = 512

/**
 * The replies of the last second by the exact bytes of their questions, id aside: what is asked again in the same words
 * gets the same answer without being read again. Emptied every second, so no answer outlives its TTL here.
 */
export class RecentReplies {
  readonly #replies = new Map<string, RecentReply>()

  /** The reply to these very bytes over this transport, while the window that decided it is open. */
  find(message: Buffer, transport: 'udp' | 'tcp'): RecentReply | undefined {
    // Nothing is repeated as long as all questions are new: then not even the key is made.
    if (this.#replies.size === 0 || message.length > maxMessageBytes) return undefined
    const recent = this.#replies.get(keyOf(message, transport))
    return recent?.window.closed === false ? recent : undefined
  }

  /** Remembers a reply, if there is room. */
  keep(message: Buffer, transport: 'udp' | 'tcp', recent: RecentReply): void {
    if (message.length > maxMessageBytes || this.#replies.size >= maxReplies) return
    // Copied into memory of its own: a buffer of the pool would keep 8 KB alive.
    const reply = Buffer.alloc(recent.reply.length)
    recent.reply.copy(reply)
    this.#replies.set(keyOf(message, transport), { ...recent, reply })
  }

  clear(): void {
    this.#replies.clear()
  }
}

/** A copy of the reply under the id of another question. */
export function replyAgain(reply: Buffer, message: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(reply.length)
  reply.copy(copy, 0, 0, reply.length)
  copy[0] = message[0] ?? 0
  copy[1] = message[1] ?? 0
  return copy
}

function keyOf(message: Buffer, transport: 'udp' | 'tcp'): string {
  const bytes = message.toString('latin1', 2)
  return transport === 'udp' ? bytes : `tcp ${bytes}`
}
