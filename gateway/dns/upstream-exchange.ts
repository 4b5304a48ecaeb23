import type { ErrorCode } from '../errors.ts'
import { rcode } from './rcode.ts'
import { isTruncated, readRcode, readResponse, type UpstreamAnswer } from './response.ts'
import type { UpstreamQuestion } from './upstream-question.ts'
import { askOverTcp } from './upstream-tcp.ts'
import { UpstreamUdp, type ConnectDatagrams, type ResolverAddress } from './upstream-udp.ts'

/** What became of a question: an answer (NXDOMAIN is one), or nothing that can be believed. */
export type Exchanged =
  | { readonly kind: 'answer'; readonly answer: UpstreamAnswer }
  /** `rcode` is what the last resolver said, if any said something. */
  | { readonly kind: 'failure'; readonly code: ErrorCode; readonly rcode: number | undefined }

/** When to ask again and when to stop; milliseconds. */
export interface Patience {
  /** How long one try waits before the next begins; late answers to earlier tries still count. */
  readonly tryMs: number
  /** How often each resolver is tried. */
  readonly tries: number
  /** The whole exchange. A stub resolver waits 5 s, so stay below. */
  readonly deadlineMs: number
}

const maxExchanges = 4_096
const maxTcp = 64
const tickMs = 50

/** One resolver and what was learned about it. */
interface Resolver {
  readonly address: ResolverAddress
  readonly udp: UpstreamUdp
  /** False once it answered FORMERR to EDNS and not without. */
  edns: boolean
}

/** Asks the resolvers of the machine, in their order, beginning with the one that answered last. Owns their sockets. */
export class UpstreamExchange implements Disposable {
  readonly #shared: Shared
  readonly #now: () => number
  /** The oldest first. */
  readonly #running = new Set<Exchange>()
  #preferred = 0
  #tcp = 0
  #ticking: NodeJS.Timeout | undefined
  #disposed = false

  constructor(
    addresses: readonly ResolverAddress[],
    patience: Patience,
    now: () => number,
    connect: ConnectDatagrams | undefined,
  ) {
    this.#shared = {
      resolvers: addresses.map(address => ({ address, udp: new UpstreamUdp(address, now, connect), edns: true })),
      patience,
      askTcp: async (resolver, question, signal) => this.#askTcp(resolver, question, signal),
      ended: (exchange, resolver) => {
        this.#running.delete(exchange)
        if (resolver !== undefined) this.#preferred = resolver
      },
    }
    this.#now = now
  }

  /** Calls back once, within `deadlineMs`, never before it returns; at once when this was disposed. */
  ask(question: UpstreamQuestion, onDone: (exchanged: Exchanged) => void): void {
    // Whoever hears that its question failed may go on to the next one: that must open nothing any more.
    const refused = this.#disposed
      ? 'UPSTREAM_UNREACHABLE'
      : this.#running.size >= maxExchanges
        ? 'LIMIT_REACHED'
        : null
    if (refused !== null) {
      queueMicrotask(() => onDone({ kind: 'failure', code: refused, rcode: undefined }))
      return
    }
    const exchange = new Exchange(question, this.#shared, this.#preferred, this.#now(), onDone)
    this.#running.add(exchange)
    exchange.begin()
    // One timer for all: setting and clearing two for each question costs more than the question.
    this.#ticking ??= setInterval(() => this.#tick(), tickMs)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    clearInterval(this.#ticking)
    for (const exchange of this.#running) exchange.stop()
    for (const { udp } of this.#shared.resolvers) udp[Symbol.dispose]()
  }

  #tick(): void {
    const now = this.#now()
    for (const exchange of this.#running) exchange.tick(now)
    if (this.#running.size > 0) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
  }

  async #askTcp(resolver: Resolver, question: UpstreamQuestion, signal: AbortSignal): Promise<Buffer | undefined> {
    if (this.#tcp >= maxTcp) return undefined
    this.#tcp += 1
    try {
      return await askOverTcp(resolver.address, question, signal)
    } finally {
      this.#tcp -= 1
    }
  }
}

/** What all exchanges have in common. */
interface Shared {
  readonly resolvers: readonly Resolver[]
  readonly patience: Patience
  readonly askTcp: (resolver: Resolver, question: UpstreamQuestion, signal: AbortSignal) => Promise<Buffer | undefined>
  /** `resolver` is the index of the one that answered. */
  readonly ended: (exchange: Exchange, resolver: number | undefined) => void
}

/** The tries for one question; the first answer that can be believed ends it. */
class Exchange {
  readonly #question: UpstreamQuestion
  readonly #shared: Shared
  /** Index of the resolver to begin with. */
  readonly #first: number
  readonly #startedAt: number
  readonly #onDone: (exchanged: Exchanged) => void
  /** What forgets a try: of the first, and of the further ones, which are rare. */
  #forget: (() => void) | undefined
  #forgetOthers: (() => void)[] | undefined
  #abortTcp: AbortController | undefined
  #tried = 0
  #open = 0
  #said: number | undefined
  #ended = false

  constructor(
    question: UpstreamQuestion,
    shared: Shared,
    first: number,
    startedAt: number,
    onDone: (exchanged: Exchanged) => void,
  ) {
    this.#question = question
    this.#shared = shared
    this.#first = first
    this.#startedAt = startedAt
    this.#onDone = onDone
  }

  begin(): void {
    this.#try()
  }

  /** Begins the next try, or gives up, when it is time. */
  tick(now: number): void {
    const { patience } = this.#shared
    const waitedMs = now - this.#startedAt
    if (waitedMs >= patience.deadlineMs) this.#giveUp('UPSTREAM_TIMEOUT')
    else if (this.#abortTcp === undefined && waitedMs >= this.#tried * patience.tryMs) this.#try()
  }

  stop(): void {
    this.#giveUp('UPSTREAM_UNREACHABLE')
  }

  #try(): void {
    if (this.#ended) return
    const { resolvers, patience } = this.#shared
    const index = (this.#first + this.#tried) % resolvers.length
    const resolver = resolvers[index]
    if (resolver === undefined || this.#tried >= patience.tries * resolvers.length) {
      if (this.#open === 0) this.#giveUp('UPSTREAM_UNREACHABLE')
      return
    }
    this.#tried += 1
    this.#send(resolver, index, resolver.edns)
  }

  #send(resolver: Resolver, index: number, edns: boolean): void {
    this.#open += 1
    const forget = resolver.udp.send(this.#question, edns, message => {
      this.#open -= 1
      if (message === undefined) return this.#try()
      const code = readRcode(message)
      if (code === rcode.formErr && edns) return this.#send(resolver, index, false)
      resolver.edns = edns
      if (isTruncated(message)) void this.#retryOverTcp(resolver, index)
      else this.#take(message, code, index)
    })
    if (this.#forget === undefined) this.#forget = forget
    else (this.#forgetOthers ??= []).push(forget)
  }

  async #retryOverTcp(resolver: Resolver, index: number): Promise<void> {
    this.#open += 1
    this.#abortTcp ??= new AbortController()
    const message = await this.#shared.askTcp(resolver, this.#question, this.#abortTcp.signal)
    this.#open -= 1
    if (this.#ended) return
    if (message === undefined) this.#try()
    else this.#take(message, readRcode(message), index)
  }

  /** NOERROR and NXDOMAIN are answers; anything else is this resolver's trouble, and the next one is asked at once. */
  #take(message: Buffer, code: number, index: number): void {
    this.#said = code
    const answer = code === rcode.noError || code === rcode.nxDomain ? readResponse(message, this.#question) : undefined
    if (answer === undefined) this.#try()
    else this.#end({ kind: 'answer', answer }, index)
  }

  #giveUp(code: ErrorCode): void {
    this.#end({ kind: 'failure', code: this.#said === undefined ? code : 'UPSTREAM_DNS', rcode: this.#said })
  }

  #end(exchanged: Exchanged, resolver?: number): void {
    if (this.#ended) return
    this.#ended = true
    this.#forget?.()
    for (const forget of this.#forgetOthers ?? []) forget()
    this.#abortTcp?.abort()
    this.#shared.ended(this, resolver)
    this.#onDone(exchanged)
  }
}
