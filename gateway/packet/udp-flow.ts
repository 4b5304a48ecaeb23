import type { Socket } from 'node:dgram'
import { GatewayError } from '../errors.ts'
import { policyChanged } from '../jobs/flow-cuts.ts'
import type { Job } from '../jobs/job.ts'
import { type Address, familyOf } from '../net/address.ts'
import { objected } from '../insight/objected.ts'
import { watchStream, type WatchedStream } from '../insight/watched-stream.ts'
import { decide } from '../policy/decide.ts'
import type { Decision, Host } from '../policy/decision.ts'
import type { OpenFlow, ProcessInfo } from '../record/event.ts'
import { type Candidate, chooseCandidates } from '../upstream/candidates.ts'
import type { Denied, DialTarget, Resolver } from '../upstream/outside.ts'
import { udpEnds, type UdpEnds } from './udp-ends.ts'
import type { Datagram } from './udp-listener.ts'

/** What may wait while a flow is decided, resolved and dialled, or in a socket that is slow to send. */
const limits = { waitingDatagrams: 32, queuedBytes: 262_144, dialMs: 10_000 } as const

/** One UDP flow: a socket towards the job that speaks as the destination, and one towards the outside. */
export interface UdpFlow extends Disposable {
  /** Milliseconds of `performance.now()` at the last datagram, either way. */
  readonly lastActive: number
  /** Takes a datagram that the listener saw: the first, and those that came before the flow had its own socket. */
  take(data: Buffer): void
  /** Settles when datagrams no longer wait for the way out; never rejects. */
  readonly opened: Promise<void>
  /**
   * Decides again, by the policy that is in force now. False when the flow is to end: it is denied now, which its record
   * then says, or it was, so that its next datagram must be decided anew.
   */
  recheck(): boolean
}

/** What one job's flows need. */
export interface UdpContext {
  readonly job: Job
  readonly resolver: Resolver
  /** In place of the machine's sockets, for tests. */
  readonly ends?: UdpEnds
}

/** Opens the flow of a first datagram; decides it, and records it once, when it is disposed. `ended` is called when it ends by itself. */
export function openUdpFlow(context: UdpContext, first: Datagram, ended: () => void): UdpFlow {
  const { job } = context
  const { destination } = first
  const name = job.names.lookup(destination.address)
  const host: Host = name?.host ?? destination.address
  const decideNow = (): Decision =>
    decide(
      job.policy,
      name === undefined
        ? { kind: 'address', transport: 'udp', address: destination.address, port: destination.port }
        : { kind: 'endpoint', transport: 'udp', host: name.host, port: destination.port },
    )
  const flowId = name?.flow ?? job.newFlowId()
  const decided: Decision = job.recordFailed ? { verdict: 'deny', reason: 'log-failure', rule: null } : decideNow()
  const seen = { transport: 'udp', host, port: destination.port, flow: flowId, process: undefined } as const
  const decision = objected(job, decided, seen)
  const record = job.openFlow({
    layer: 'udp',
    protocol: 'udp',
    flow: flowId,
    ...(name === undefined ? { address: destination.address } : { host: name.host }),
    port: destination.port,
    verdict: decision.verdict,
    reason: decision.reason,
    ...(decision.rule === null ? {} : { rule: decision.rule }),
  })
  const flow = new Flow(record, job.names.hold(destination.address), ended, process =>
    watchStream(job, { ...seen, process }, facts => record.note(facts)),
  )
  flow.identified = flow.identify(job, first)
  if (decision.verdict !== 'deny') flow.opened = flow.open(context, host, first)
  flow.take(first.data)
  return {
    get lastActive() {
      return flow.lastActive
    },
    opened: flow.opened,
    take: data => flow.take(data),
    recheck() {
      if (decision.verdict === 'deny') return false
      const now = decideNow()
      const denied =
        now.verdict === 'deny' ? now : flow.deniedAddress({ host, port: destination.port, policy: job.policy })
      if (denied === undefined) return true
      record.note(policyChanged(denied))
      return false
    },
    [Symbol.dispose]: () => flow[Symbol.dispose](),
  }
}

class Flow implements Disposable {
  lastActive = performance.now()
  opened = Promise.resolve()
  identified = Promise.resolve()
  readonly #record: OpenFlow
  readonly #hold: Disposable
  readonly #ended: () => void
  readonly #watch: (process: ProcessInfo | undefined) => WatchedStream | undefined
  readonly #stop = new AbortController()
  #process: ProcessInfo | undefined
  #watched: WatchedStream | undefined
  #waiting: Buffer[] = []
  #sockets: readonly Socket[] = []
  #upstream: Socket | undefined
  #address: Address | undefined
  #isDisposed = false

  constructor(
    record: OpenFlow,
    hold: Disposable,
    ended: () => void,
    watch: (process: ProcessInfo | undefined) => WatchedStream | undefined,
  ) {
    this.#watch = watch
    this.#record = record
    this.#hold = hold
    this.#ended = ended
  }

  take(data: Buffer): void {
    this.lastActive = performance.now()
    if (this.#upstream !== undefined) this.#send(this.#upstream, data)
    else if (this.#waiting.length < limits.waitingDatagrams) this.#waiting.push(data)
  }

  async identify(job: Job, { source, destination }: Datagram): Promise<void> {
    const process = await job.attribute({ transport: 'udp', source, destination })
    this.#process = process
    if (process !== undefined) this.#record.note({ process })
  }

  #send(upstream: Socket, data: Buffer): void {
    if (this.#watched === undefined || this.#watched.take(data)) {
      this.#record.sent += data.length
      relay(upstream, data)
      return
    }
    this[Symbol.dispose]()
    this.#ended()
  }

  async open({ job, resolver, ends = udpEnds }: UdpContext, host: Host, first: Datagram): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.dialMs)])
    try {
      const candidates = await this.#candidates(job, resolver, host, first, signal)
      if (candidates === undefined) return
      const { socket: upstream, candidate } = await ends.dialUdp(candidates, first, signal)
      this.#own(upstream)
      this.#address = candidate.address
      this.#record.note({
        address: candidate.address,
        ...(candidate.observed ? { verdict: 'observe', reason: 'private-address' } : {}),
      })
      const downstream = await ends.speakAs(first, signal)
      this.#own(downstream)
      downstream.on('message', data => this.take(data))
      upstream.on('message', data => {
        this.lastActive = performance.now()
        this.#record.received += data.length
        relay(downstream, data)
      })
      // A client that has its answer may be gone at once: who it is has to be known before.
      await this.identified
      if (this.#isDisposed) return
      this.#watched = this.#watch(this.#process)
      this.#upstream = upstream
      for (const data of this.#waiting.splice(0)) if (!this.#isDisposed) this.#send(upstream, data)
    } catch (cause) {
      this.#fail(signal.aborted ? signal.reason : cause)
    }
  }

  /** Why the address that it goes to may not be dialled, by another policy than before. */
  deniedAddress(target: DialTarget): Denied | undefined {
    if (this.#address === undefined) return undefined
    const chosen = chooseCandidates(target, [this.#address])
    return 'verdict' in chosen ? chosen : undefined
  }

  /** The addresses to try; undefined when none may be dialled, which is recorded. */
  async #candidates(
    job: Job,
    resolver: Resolver,
    host: Host,
    first: Datagram,
    signal: AbortSignal,
  ): Promise<readonly Candidate[] | undefined> {
    const name = job.names.lookup(first.destination.address)?.host
    const addresses = name === undefined ? [first.destination.address] : await resolver.resolve(name, signal)
    const chosen = chooseCandidates({ host, port: first.destination.port, policy: job.policy }, addresses)
    if ('verdict' in chosen) {
      this.#record.note({ verdict: chosen.verdict, reason: chosen.reason })
      return undefined
    }
    // The job asked for IPv4; over UDP nobody can tell in time that the other family leads nowhere.
    return chosen.toSorted(
      (a, b) => Number(a.observed) - Number(b.observed) || familyOf(a.address) - familyOf(b.address),
    )
  }

  #own(socket: Socket): void {
    if (this.#isDisposed) {
      socket.close()
      throw this.#stop.signal.reason
    }
    this.#sockets = [...this.#sockets, socket]
    socket.on('error', cause => this.#fail(cause))
  }

  #fail(cause: unknown): void {
    if (this.#isDisposed) return
    const timedOut = cause instanceof Error && cause.name === 'TimeoutError'
    const code = cause instanceof GatewayError ? cause.code : timedOut ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE'
    this.#record.note({ error: code })
    this[Symbol.dispose]()
    this.#ended()
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#stop.abort()
    this.#waiting = []
    for (const socket of this.#sockets) socket.close()
    this.#hold[Symbol.dispose]()
    const said = this.#watched?.end()
    if (said !== undefined) this.#record.note(said)
    this.#record[Symbol.dispose]()
  }
}

/** UDP may lose datagrams, and a queue that grows without end may not be. */
function relay(socket: Socket, data: Buffer): void {
  if (socket.getSendQueueSize() <= limits.queuedBytes) socket.send(data)
}
