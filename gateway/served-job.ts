import { join } from 'node:path'
import type { Authority } from './ca/authority.ts'
import type { Config } from './config/schema.ts'
import type { WirePlan } from './control/protocol.ts'
import type { UpstreamResolver } from './dns/upstream.ts'
import { GatewayError } from './errors.ts'
import type { PolicyInForce } from './jobs/policy-in-force.ts'
import type { WiredJob } from './jobs/wired-job.ts'
import type { JobGauges } from './observe/job-gauges.ts'
import type { Metrics } from './observe/metrics.ts'
import { hasDevice } from './packet/gateway-end.ts'
import { requireSteering } from './packet/steering.ts'
import type { ExpectedWire } from './packet/wire.ts'
import type { Policy } from './policy/policy.ts'
import type { JobInsight } from './open-insight.ts'
import { packetRules, type Served, serveWire } from './serve-wire.ts'
import type { DeskJob } from './serve/job-desk.ts'
import { openJobSocket } from './serve/job-socket.ts'
import type { OpenedJob } from './serve/opened-job.ts'
import type { RunFolder } from './serve/run-folder.ts'
import type { WatchedRecord } from './watched-record.ts'
import { planOf } from './wire-plan.ts'

/** From the wire's being there to its proof. */
const proofMs = 30_000
/** How long a look at the packet filter, or a change of it, may take. */
const packetFilterMs = 10_000

/** What the gateway's side of one job is made of. */
export interface ServedJobParts {
  readonly wire: ExpectedWire
  readonly job: WiredJob
  readonly inForce: PolicyInForce
  readonly looking: JobInsight
  readonly folder: RunFolder
  readonly authority: Authority
  /** DER: what origins are verified against. */
  readonly roots: readonly Uint8Array[]
  readonly resolver: UpstreamResolver
  /** What only this wire's plan has. */
  readonly probeKey: string
  readonly probing: AsyncDisposable
  readonly gauges: JobGauges
  /** Milliseconds between two looks at the packet filter. */
  readonly lookEveryMs: () => number
  readonly metrics: Metrics
  readonly watched: WatchedRecord
  readonly warn: (text: string) => void
  readonly config: Config
  /** How long the device is waited for. */
  readonly waitMs: number
}

/** The gateway's side of one job in a container. */
export class ServedJob implements OpenedJob {
  readonly plan: WirePlan
  readonly over: Promise<GatewayError | undefined>
  readonly #parts: ServedJobParts
  readonly #owned: AsyncDisposableStack
  readonly #over = Promise.withResolvers<GatewayError | undefined>()
  readonly #ending = new AbortController()
  readonly #joined: Promise<void>
  #served: Served | undefined
  #ended: Promise<void> | undefined
  /** Who changes the policy at this moment. */
  #changing: 'reload' | 'job' = 'job'
  /** The rules that the packet filter has, as text. */
  #rules: string

  /** `owned` holds what `parts` are made of, and is disposed at the end. */
  constructor(parts: ServedJobParts, owned: AsyncDisposableStack) {
    this.#parts = parts
    this.#owned = owned
    this.over = this.#over.promise
    const { wire, probeKey, inForce } = parts
    this.plan = planOf(wire, probeKey, inForce.current.mode)
    this.#rules = JSON.stringify(packetRules(parts.inForce.current))
    this.#joined = this.#join()
    // Who waits for it hears of it; here it only must not be unheard.
    this.#joined.catch(() => undefined)
    owned.use(parts.inForce.onChange(() => this.#policyChanged()))
  }

  get isGone(): boolean {
    return this.#served !== undefined && !hasDevice(this.plan.device)
  }

  async serve(checks: readonly string[]): Promise<void> {
    const { wire, job, folder, watched, probing, config, warn } = this.#parts
    await this.#joined
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(packetFilterMs)])
    const since = await wire.read(signal)
    if (!(await wire.isIntact(signal, since)))
      throw new GatewayError('WIRE_NOT_PROVED', 'the packet rules or routes of the wire are not those that were loaded')
    await probing[Symbol.asyncDispose]()
    const { authority, roots, resolver, metrics, gauges, lookEveryMs } = this.#parts
    const onFault = (cause: unknown): void => warn(`a fault of ours at the job's socket: ${messageOf(cause)}`)
    const { limits: most, drainMs } = config
    this.#served = this.#owned.use(
      await serveWire(
        {
          wire,
          job,
          since,
          authority,
          roots,
          resolver,
          metrics,
          gauges,
          lookEveryMs,
          limits: {
            door: {
              maxConnections: most.connections,
              newConnections: { perSecond: most.connectionsPerSecond, burst: 4 * most.connectionsPerSecond },
              maxHandshakes: most.handshakes,
              drainMs,
            },
            dials: most.dials,
            dns: {
              perSecond: most.dnsPerSecond,
              pending: most.dnsPending,
              all: { perSecond: most.dnsQuestions, burst: 2 * most.dnsQuestions },
            },
            dnsConnections: most.dnsConnections,
            udp: { flows: most.udpFlows, drainMs: Math.min(drainMs, 2_000) },
          },
          now: () => watched.record.now(),
          onClockSet: note => watched.record.note('checkpoint', { details: { note } }),
          onDegraded: watched.degrade,
          onWarning: warn,
        },
        signal,
      ),
    )
    this.#owned.use(await openJobSocket({ path: join(folder.path, 'job.sock'), job: this.#desk(), onFault }, signal))
    watched.record.note('proved', { details: { checks } })
    // The job may begin now: everything is there.
    folder.open(this.plan.jobMac)
    void wire.gone(this.#ending.signal).then(() => this.#over.resolve(undefined))
  }

  async prepare(policy: Policy): Promise<() => void> {
    const { wire, inForce } = this.#parts
    const next = inForce.withPlatform(policy)
    if (next.digest === inForce.current.digest) return () => undefined
    const rules = packetRules(next)
    requireSteering(wire.steering, rules.udpRanges)
    await wire.changeRules(rules, AbortSignal.timeout(packetFilterMs))
    this.#rules = JSON.stringify(rules)
    return () => {
      this.#changing = 'reload'
      inForce.replace(policy)
      this.#changing = 'job'
    }
  }

  end(why?: GatewayError): Promise<void> {
    this.#ended ??= this.#end(why)
    return this.#ended
  }

  async #end(why: GatewayError | undefined): Promise<void> {
    const { folder, watched, warn } = this.#parts
    const { record } = watched
    try {
      folder.close()
      this.#ending.abort()
      this.#served?.stop()
      if (this.#served === undefined)
        watched.degrade('not-proved', why?.message ?? 'the job ended before its wire was proved')
      else if (why !== undefined) watched.degrade('internal-error', why.message)
      await this.#served?.drained()
    } catch (cause) {
      warn(`while the job ended: ${messageOf(cause)}`)
    }
    try {
      await this.#owned.disposeAsync()
    } catch (cause) {
      warn(`something of the job's wire may be left: ${messageOf(cause)}`)
    }
    await record.seal()
  }

  /** The job, as far as it may touch itself. */
  #desk(): DeskJob {
    const { job, inForce, looking, watched } = this.#parts
    return {
      name: job.name,
      get policy() {
        return inForce.current
      },
      narrow: policy => inForce.narrow(policy),
      summary: () => watched.record.summary(),
      claimed: (by, credentials) => {
        looking.claimed(credentials)
        watched.record.note('checkpoint', { details: { note: `claimed by ${by}` } })
      },
      tested: facts => watched.record.note('selftest', { details: { ...facts } }),
      sources: looking.sources,
    }
  }

  /** Waits for the wire, then for its proof; what does not come ends the job. */
  async #join(): Promise<void> {
    const { wire, waitMs } = this.#parts
    const late = AbortSignal.timeout(waitMs)
    try {
      await wire.join(AbortSignal.any([late, this.#ending.signal]))
    } catch (cause) {
      const why = late.aborted
        ? notProved(`no wire came within ${waitMs / 1_000} s (the init lays it into the gateway's pid namespace)`)
        : cause
      this.#over.resolve(why instanceof GatewayError ? why : notProved(messageOf(why), why))
      throw why
    }
    const timer = setTimeout(() => {
      if (this.#served === undefined)
        this.#over.resolve(notProved(`the wire was laid, but not proved within ${proofMs / 1_000} s`))
    }, proofMs).unref()
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  /** Another policy is in force: the record and the gauges say so, and the packet filter follows. */
  #policyChanged(): void {
    const { inForce, watched, wire, warn } = this.#parts
    const policy = inForce.current
    watched.record.policyChanged(policy, this.#changing)
    watched.enforcement.changeMode(policy.mode)
    const rules = packetRules(policy)
    const text = JSON.stringify(rules)
    if (text === this.#rules) return
    this.#rules = text
    // Each flow is decided anew as well: what the packet filter still lets in until then is refused by the door.
    wire.changeRules(rules, AbortSignal.timeout(packetFilterMs)).catch((cause: unknown) => {
      watched.degrade('ruleset-changed', `the packet rules do not follow the policy: ${messageOf(cause)}`)
      warn(messageOf(cause))
    })
  }
}

function notProved(message: string, cause?: unknown): GatewayError {
  return new GatewayError('WIRE_NOT_PROVED', message, cause === undefined ? {} : { cause })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
