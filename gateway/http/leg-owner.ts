import type { ErrorCode } from '../errors.ts'
import type { Denied } from '../upstream/outside.ts'

/** The client's side, as the origin's side sees it. */
export interface LegOwner {
  /** What goes to the client; false when the client is behind. */
  deliver(bytes: Buffer, isBulk: boolean): boolean
  /** The answer is complete; `keep` when the connection can carry another exchange. */
  answerDone(keep: boolean): void
  /** The connection is gone before the answer was complete; nothing more comes. */
  originLost(code: ErrorCode): void
  /** The answer cannot be understood. True when it is to be carried blindly from here on (audit). */
  carryBlindly(): boolean
  /** The answer is a DNS message. True when it was refused: the leg is gone. */
  refuseDns(): boolean
  /** Somebody who looks objects to the answer: it is refused, or cut short; the leg is gone. */
  refuseAnswer(denied: Denied): void
  /** 101: both directions are opaque from here on, beginning with its head. */
  upgraded(): void
  /** The origin takes more. */
  originDrained(): void
  /** Spliced: the origin has finished sending. */
  originEnded(): void
  /** The connection was closed while nothing was asked. */
  originIdleClosed(): void
}
