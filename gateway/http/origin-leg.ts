import type { Socket } from 'node:net'
import type { ErrorCode } from '../errors.ts'
import type { UpstreamConnection } from '../upstream/pool.ts'
import { type HttpLimits, maxInterim } from './context.ts'
import { type Cut, withoutCuts } from './cut.ts'
import type { Exchange } from './exchange.ts'
import { BodyFrame } from './framing.ts'
import { readResponseHead, type ResponseHead } from './head.ts'
import { HeldBytes } from './held-bytes.ts'
import type { LegOwner } from './leg-owner.ts'
import { receive } from './receiver.ts'
import { fieldsOfHead } from './seen-fields.ts'
import { Sender } from './sender.ts'

/** One connection to the origin, pinned to one client connection: it reads answers and passes them on as they are. */
export class OriginLeg {
  readonly connection: UpstreamConnection
  /** NTLM or Negotiate was seen: the connection is somebody's, and goes back to no pool. */
  isBound = false
  readonly #socket: Socket
  readonly #sender: Sender
  readonly #receiving: Disposable
  readonly #owner: LegOwner
  readonly #limits: HttpLimits
  readonly #bounds: { readonly maxHead: number; readonly maxLine: number; readonly maxFields: number }
  readonly #held = new HeldBytes()
  readonly #frame = new BodyFrame()
  #exchange: Exchange | undefined
  #state: 'idle' | 'head' | 'body' | 'spliced' | 'gone' = 'idle'
  #interim = 0
  #closes = false

  constructor(connection: UpstreamConnection, owner: LegOwner, limits: HttpLimits) {
    this.connection = connection
    this.#owner = owner
    this.#limits = limits
    this.#bounds = { maxHead: limits.maxResponseHead, maxLine: limits.maxResponseHead, maxFields: limits.maxFields }
    this.#socket = connection.socket
    this.#sender = new Sender(connection.socket)
    this.#receiving = receive(this.#socket, this.#onData)
    this.#socket.on('drain', this.#onDrain).on('end', this.#onEnd).on('close', this.#onClose)
    this.#socket.resume()
  }

  /** No exchange is open. */
  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  /** It takes more slowly than it is sent to. */
  get isBehind(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** Expects the answer to `exchange`. */
  begin(exchange: Exchange): void {
    this.#exchange = exchange
    this.#state = 'head'
    this.#interim = 0
  }

  /** Both directions are opaque from here on. */
  splice(exchange: Exchange): void {
    this.#exchange = exchange
    this.#state = 'spliced'
  }

  /** False when the origin is behind: wait for `originDrained`. */
  write(bytes: Buffer, isBulk: boolean): boolean {
    return isBulk ? this.#sender.bulk(bytes) : this.#sender.write(bytes)
  }

  resume(): void {
    this.#socket.resume()
  }

  /** The client sends no more; the origin may still answer. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.detach()
    this.#socket.destroy()
  }

  /** Lets go of the connection: paused, without listeners. */
  detach(): UpstreamConnection {
    this.#state = 'gone'
    this.#receiving[Symbol.dispose]()
    this.#socket.off('drain', this.#onDrain).off('end', this.#onEnd).off('close', this.#onClose)
    this.#socket.pause()
    return this.connection
  }

  readonly #onData = (bytes: Buffer): void => {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes)
      case 'body':
        return this.#readBody(bytes)
      case 'spliced':
        return this.#deliver(bytes, true)
      case 'idle':
        // It speaks unasked: whatever it says would be taken for the next answer.
        this.destroy()
        return this.#owner.originIdleClosed()
      case 'gone':
    }
  }

  #readHead(bytes: Buffer): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.replay = undefined
    let data = bytes
    if (this.#held.length > 0) {
      if (!this.#held.push(bytes) && this.#held.length < this.#limits.maxResponseHead) return
      data = this.#held.take()
    }
    for (;;) {
      const head = readResponseHead(data, this.#bounds)
      if (head.fault !== undefined) return this.#notUnderstood(data)
      if (head.end === 0) {
        this.#held.push(data)
        return
      }
      if (head.status >= 200) return this.#beginBody(head, data, exchange)
      if (head.status === 101) {
        if (!exchange.mayUpgrade) return this.#notUnderstood(data)
        exchange.flow.status = 101
        this.#state = 'spliced'
        this.#owner.upgraded()
        return this.#deliver(data, false)
      }
      this.#interim += 1
      if (this.#interim > maxInterim) return this.#notUnderstood(data)
      this.#deliver(withoutCuts(data, head.end, head.cuts), false)
      if (head.end === data.length) return
      data = data.subarray(head.end)
    }
  }

  #beginBody(head: ResponseHead, data: Buffer, exchange: Exchange): void {
    if (head.dnsMedia && this.#owner.refuseDns()) return
    exchange.flow.status = head.status
    const { look } = exchange
    const objection = look?.answered(head.status, () => fieldsOfHead(data, head.end))
    if (objection !== undefined) return this.#owner.refuseAnswer(objection)
    if (head.boundAuthentication) this.isBound = true
    const kind = head.bodyKind(exchange.isHead)
    exchange.endsByClose = kind === 'until-close'
    this.#closes = head.close || (head.minor === 0 && !head.keepAlive) || kind === 'until-close'
    this.#frame.begin(kind, head.contentLength, look?.receiving)
    this.#state = 'body'
    this.#pass(data, this.#frame.take(data, head.end), false, head.cuts)
  }

  #readBody(bytes: Buffer): void {
    this.#pass(bytes, this.#frame.take(bytes, 0), true)
  }

  /** Passes on what has just been read, up to `end`; all of it where the end of the answer cannot be found. */
  #pass(bytes: Buffer, end: number, isBulk: boolean, cuts?: readonly Cut[]): void {
    const { broken, done } = this.#frame
    if (broken) this.#exchange?.look?.receiving(bytes.subarray(end))
    if (this.#isObjectedTo(done)) return
    if (broken) this.#loseTrack()
    this.#deliver(withoutCuts(bytes, broken ? bytes.length : end, cuts), isBulk)
    if (done) this.#finish(end === bytes.length)
  }

  /** The answer is refused for what its body holds: what has just been read is not passed on. */
  #isObjectedTo(isWhole: boolean): boolean {
    const exchange = this.#exchange
    const denied = exchange?.look?.denied ?? (isWhole ? exchange?.look?.received(exchange.flow) : undefined)
    if (denied !== undefined) this.#owner.refuseAnswer(denied)
    return denied !== undefined
  }

  #deliver(bytes: Buffer, isBulk: boolean): void {
    if (this.#exchange !== undefined) {
      // After an interim answer there can still be another than the origin's.
      this.#exchange.answered = this.#state !== 'head'
      this.#exchange.flow.received += bytes.length
    }
    if (!this.#owner.deliver(bytes, isBulk)) this.#socket.pause()
  }

  /** `isClean`: nothing came after the answer. */
  #finish(isClean: boolean): void {
    const keep = isClean && !this.#closes
    this.#state = 'idle'
    this.#exchange = undefined
    this.#owner.answerDone(keep)
  }

  #notUnderstood(bytes: Buffer): void {
    if (this.#owner.carryBlindly()) {
      this.#state = 'spliced'
      return this.#deliver(bytes, false)
    }
    this.#lose('UPSTREAM_PROTOCOL')
  }

  /**
   * The end of an answer that the client is already reading cannot be found (old servers pad chunk sizes, for one). It
   * may know better: it gets everything, who looks is shown it as it is, and the connection carries nothing after it.
   */
  #loseTrack(): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.noteError('UPSTREAM_PROTOCOL')
    exchange.endsByClose = true
    exchange.isUnbounded = true
    this.#closes = true
    this.#frame.begin('until-close', -1, exchange.look?.receiving)
  }

  #lose(code: ErrorCode): void {
    this.destroy()
    this.#owner.originLost(code)
  }

  readonly #onDrain = (): void => this.#owner.originDrained()

  readonly #onEnd = (): void => {
    switch (this.#state) {
      case 'body':
        if (this.#frame.kind !== 'until-close') return this.#lose('UPSTREAM_TRUNCATED')
        return this.#isObjectedTo(this.#exchange?.isUnbounded !== true) ? undefined : this.#finish(true)
      case 'head':
        return this.#lose('UPSTREAM_TRUNCATED')
      case 'idle':
        this.destroy()
        return this.#owner.originIdleClosed()
      case 'spliced':
        return this.#owner.originEnded()
      case 'gone':
    }
  }

  readonly #onClose = (): void => {
    // Both sides of a tunnel have said goodbye.
    if (this.#state === 'spliced' && this.#socket.readableEnded) return
    if (this.#state !== 'idle') return this.#lose('UPSTREAM_TRUNCATED')
    this.destroy()
    this.#owner.originIdleClosed()
  }
}
