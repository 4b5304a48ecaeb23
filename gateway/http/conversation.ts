import type { Socket } from 'node:net'
import { unreachable } from '../errors.ts'
import { ClientEnd } from './client-end.ts'
import type { HttpContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import type { HeadBounds } from './fields.ts'
import { BodyFrame } from './framing.ts'
import { HeldBytes } from './held-bytes.ts'
import type { LegOwner } from './leg-owner.ts'
import { OriginSide } from './origin-side.ts'
import { type Stall, StallWatch } from './stall-watch.ts'

/**
 * `head`: waiting for a request, or in the middle of its head. `connecting`: its origin is being reached. `body`: it is
 * being sent. `answer`: it is sent, its answer is not complete. `skip`: a refused request's body is read and dropped.
 * `spliced`: both directions are opaque. `closing`: the last answer is written; what still comes is dropped.
 */
export type State = 'head' | 'connecting' | 'body' | 'answer' | 'skip' | 'spliced' | 'closing'

/** What a conversation calls when something happens to it. */
export interface ConversationEvents {
  /** It can take the next request, and bytes of it are held. */
  onNextRequest(): void
  onStall(stall: Stall): void
  /** The origin's side of it. */
  readonly answers: LegOwner
}

/**
 * One client connection and the origin connection that stays with it (connection-bound authentication needs that): where
 * they are in the exchange. One exchange at a time; `requests.ts` and `answers.ts` move it on.
 */
export class Conversation implements Disposable {
  readonly context: HttpContext
  readonly client: ClientEnd
  readonly origin: OriginSide
  readonly watch: StallWatch
  readonly requestBounds: HeadBounds
  /** Of the next request: a head in pieces, or what came early. */
  readonly held = new HeldBytes()
  /** Of the request that is being read. */
  readonly frame = new BodyFrame()
  state: State = 'head'
  exchange: Exchange | undefined
  /** Requests that were answered. */
  answered = 0
  readonly #events: ConversationEvents

  constructor(socket: Socket, context: HttpContext, events: ConversationEvents) {
    this.context = context
    this.client = new ClientEnd(socket)
    this.origin = new OriginSide(context, events.answers)
    this.watch = new StallWatch(
      socket,
      context.limits,
      () => this.exchange !== undefined,
      stall => events.onStall(stall),
    )
    const { maxRequestHead, maxLine, maxFields } = context.limits
    this.requestBounds = { maxHead: maxRequestHead, maxLine, maxFields }
    this.#events = events
  }

  /** The client's bytes are wanted: nothing of it is held back and the origin keeps up. */
  get isReading(): boolean {
    switch (this.state) {
      case 'connecting':
        return false
      case 'head':
      case 'answer':
        return this.held.length === 0
      case 'body':
      case 'spliced':
        return this.origin.leg?.isBehind !== true
      case 'skip':
      case 'closing':
        return true
      default:
        return unreachable(this.state)
    }
  }

  /** The exchange is over: writes its record, and waits for the next request or ends the connection. */
  finish(exchange: Exchange): void {
    exchange.close()
    this.exchange = undefined
    this.answered += 1
    if (exchange.closeAfter) this.close()
    else this.awaitRequest()
  }

  awaitRequest(): void {
    this.state = 'head'
    // A client that does not read its answers gets no more of them.
    if (this.client.isBehind) this.client.pause()
    // Not on the caller's stack, which a client that pipelines could make as deep as it likes.
    else if (this.held.length > 0) setImmediate(this.#next)
  }

  /** The client has caught up with its answers. */
  clientDrained(): void {
    this.origin.leg?.resume()
    if (this.state === 'head') this.#next()
    else if (this.isReading) this.client.resume()
  }

  /** The client sends no more. It may have closed, or only its half: what that means is for the origin to say, as if it had been told directly. */
  clientEnded(): void {
    const { exchange } = this
    if (exchange !== undefined) {
      exchange.closeAfter = true
      exchange.clientEnded = true
    }
    switch (this.state) {
      case 'answer':
      case 'spliced':
        return this.origin.leg?.end()
      case 'body':
        // Half a request: the origin must see that it is not the whole.
        return this.client.destroy()
      case 'connecting':
        // What is held may be the whole request; it is looked at when the origin is there.
        return
      case 'head':
      case 'skip':
      case 'closing':
        return this.close()
      default:
        return unreachable(this.state)
    }
  }

  /** The last answer is written. */
  close(): void {
    this.state = 'closing'
    this.client.finish()
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]()
    // Answered or not, half a request is on it: what anybody sent there next would be read as the rest.
    if (this.state === 'body') this.origin.drop()
    this.origin[Symbol.dispose]()
    this.exchange?.close()
    this.exchange = undefined
  }

  readonly #next = (): void => {
    if (this.state !== 'head' || this.client.isGone || this.client.isBehind) return
    if (this.held.length > 0) this.#events.onNextRequest()
    if (this.isReading || this.state === 'head') this.client.resume()
  }
}
