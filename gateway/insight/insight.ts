import type { Port } from '../net/port.ts'
import type { DenyReason, Host } from '../policy/decision.ts'
import type { FlowEvent, ProcessInfo, Verdict } from '../record/event.ts'

/**
 * Why something that the policy's rules let pass is refused all the same. In audit mode it is only observed. Nothing here
 * can let pass what the rules refuse.
 */
export interface Objection {
  readonly reason: DenyReason
  /** What objects, as the log names rules: the policy key and what of it, e.g. `packages.deny[0] pkg:npm/evil`. */
  readonly rule: string
}

/** The fields of a head, as sent. To be read during the call that shows them. */
export interface SeenFields {
  /** The first value of a field, by its lower-case name, without surrounding white space; one character per octet. */
  get(name: string): string | undefined
  /** All fields in order: lower-case name, value. */
  entries(): Iterable<readonly [name: string, value: string]>
}

/** A DNS question of the job. */
export interface SeenQuestion {
  /** Lower case, without the last dot; as sent where it is no host name. */
  readonly name: string
  /** RFC 1035 §3.2.2. */
  readonly type: number
  /** What the policy says of it. */
  readonly verdict: Verdict
}

/** Who asked a question that is about to be answered; it was decided before that was known. */
export interface SeenAsker {
  readonly name: string
  /** Of the answer's line. */
  readonly flow: string
  /** Undefined where it could not be found in time. */
  readonly process: ProcessInfo | undefined
}

/** A connection that is about to be carried unread, or a UDP flow. */
export interface SeenConnection {
  readonly transport: 'tls' | 'tcp' | 'udp'
  readonly host: Host
  readonly port: Port
  readonly flow: string
  /** Undefined where it cannot be known, or is not known yet (UDP). */
  readonly process: ProcessInfo | undefined
}

/** A connection that is no TLS, or a UDP flow. */
export type SeenStream = SeenConnection & { readonly transport: 'tcp' | 'udp' }

/** One request that the gateway can read: over TLS that ends here, or in plain HTTP. */
export interface SeenRequest {
  readonly scheme: 'https' | 'http' | 'wss' | 'ws'
  readonly host: Host
  readonly port: Port
  readonly method: string
  /** As sent, with query, one character per octet. Never to be logged: the query may hold secrets. */
  readonly target: string
  /** Normal form without query; undefined where it has none. */
  readonly path: string | undefined
  readonly fields: SeenFields
  /** Of its connection, shared with its DNS answer. */
  readonly flow: string
  readonly process: ProcessInfo | undefined
  /** What the policy's rules say of it; of a denied one nothing is sent, and of its look only `ended` follows. */
  readonly verdict: Verdict
}

/**
 * What looks at one exchange. Methods are called synchronously, in the order below, and must not throw; bodies come as
 * payload (chunked framing taken off, content codings as sent), in pieces that are only valid during the call. An
 * objection ends the exchange: what was not passed on yet is not, and only `ended` follows. Trailers of answers are not shown. After
 * an upgrade (WebSocket) `sending` is shown what the client says, as it is on the wire, and nobody what the origin says.
 */
export interface RequestLook {
  /** The request is refused before anything of it is sent. */
  readonly objection?: Objection | undefined
  /** Facts for its line in the log: `token`, `details`. */
  readonly note?: Partial<FlowEvent> | undefined
  /** A piece of the request's body, before it is sent; of a WebSocket, of what the client says over it, masked as it is. */
  sending?(part: Buffer): Objection | undefined
  /**
   * What stands beside the payload of the request's body, before it is sent: of HTTP/1 the sizes and extensions of chunks
   * and the trailers, as they are; of HTTP/2 the trailers as lines.
   */
  beside?(part: Buffer): Objection | undefined
  /** The final answer's head, before the client sees it. */
  answered?(status: number, fields: SeenFields): Objection | undefined
  /** A piece of the answer's body, before the client sees it. */
  receiving?(part: Buffer): Objection | undefined
  /**
   * The answer's body is whole. Its end has not been passed on: the last piece where the length is known, else the mark of
   * the end; so an objection leaves it cut short. Never told of an answer that breaks off, or whose framing is broken.
   */
  received?(): Objection | Partial<FlowEvent> | undefined
  /** The exchange is over, however it ended; called once, before its line is written. */
  ended?(): Partial<FlowEvent> | undefined
}

/**
 * What looks at what the job says over a connection that is carried unread and is not TLS, or in a UDP flow. An objection ends it: in block
 * mode neither the part nor anything after it is sent.
 */
export interface StreamLook {
  /** A piece of the stream, or a datagram, before it is sent; only valid during the call. */
  sending(part: Buffer): Objection | undefined
  /** It is over; called once, before its line is written. */
  ended?(): void
}

/** Looks at what one job does. All of it is optional; nothing is paid for what is not there. */
export interface Insight {
  question?(question: SeenQuestion): Objection | undefined
  /** Told before each answer that is not a repetition of one just given. */
  asker?(asker: SeenAsker): void
  connection?(connection: SeenConnection): Objection | undefined
  /** Asked when it is about to be carried, after `connection`. */
  stream?(connection: SeenStream): StreamLook | undefined
  request?(request: SeenRequest): RequestLook | undefined
}

/** Tells an objection from facts. */
export function isObjection(said: Objection | Partial<FlowEvent> | undefined): said is Objection {
  return said !== undefined && 'reason' in said && 'rule' in said && !('verdict' in said)
}
