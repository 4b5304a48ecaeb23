import { join } from 'node:path'
import type { z } from 'zod'
import { entryOf, type ChosenPolicy, type Policies } from '../config/policies.ts'
import type { Config } from '../config/schema.ts'
import { defaultWaitMs, type detachRequest, type JobStatus, type provedRequest } from '../control/protocol.ts'
import { GatewayError, unreachable } from '../errors.ts'
import { type ControlRequest, refusalOf, type Reply, type Requester } from './control-server.ts'
import type { AttachRequest, OpenedJob, OpenJob } from './opened-job.ts'

/** What the registry needs. */
export interface RegistryOptions {
  readonly config: Config
  readonly policies: Policies
  readonly open: OpenJob
  /** Told what happened to a job, for the operator. */
  readonly onEvent: (
    job: string,
    what: 'attached' | 'proved' | 'ended',
    facts: Readonly<Record<string, unknown>>,
  ) => void
  readonly onFault: (cause: unknown) => void
}

/** A job of the gateway, from the moment its name is taken until its record is sealed. */
interface Entry {
  readonly request: AttachRequest
  readonly chosen: ChosenPolicy
  readonly requester: Requester
  readonly startedAt: Date
  /** The same moment, on the clock that durations are taken from. */
  readonly startedAtMs: number
  readonly opening: Promise<OpenedJob>
  opened: OpenedJob | undefined
  state: 'attached' | 'proved'
  ending: Promise<void> | undefined
}

/** The jobs of the gateway: who may attach, who is attached, and how each comes to its end. */
export class Registry {
  readonly #options: RegistryOptions
  readonly #entries = new Map<string, Entry>()
  #policies: Policies
  /** While policies are replaced, no job comes in between the old ones and the new. */
  #replacing: Promise<void> = Promise.resolve()
  #stopping: Promise<void> | undefined

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#policies = options.policies
  }

  /** Jobs that are here, whatever their state. */
  get size(): number {
    return this.#entries.size
  }

  /** Answers a request of the control socket. @throws GatewayError for a refusal */
  answer(request: ControlRequest, from: Requester): Promise<Reply> {
    switch (request.op) {
      case 'attach':
        return this.#attach(request, from)
      case 'proved':
        return this.#proved(request, from)
      case 'detach':
        return this.#detach(request)
      case 'status':
        return Promise.resolve({ ok: true, jobs: this.status() })
      default:
        return unreachable(request)
    }
  }

  /** The jobs whose gateway's side exists. */
  status(): readonly JobStatus[] {
    return [...this.#entries.values()].flatMap(({ request, chosen, opened, state, startedAt }) => {
      if (opened === undefined) return []
      const { job, container, netns } = request
      const known = { ...(container === undefined ? {} : { container }), ...(netns === undefined ? {} : { netns }) }
      const { jobMac } = opened.plan
      return [{ job, policy: chosen.file, ...known, state, jobMac, startedAt: startedAt.toISOString() }]
    })
  }

  /**
   * Puts other policies in force, for the jobs that are here and for those that come: all of them or, when one cannot be
   * put in force, none.
   * @throws GatewayError
   */
  replacePolicies(policies: Policies): Promise<void> {
    const replacing = this.#replacing.then(() => this.#replace(policies))
    this.#replacing = replacing.catch(() => undefined)
    return replacing
  }

  async #replace(policies: Policies): Promise<void> {
    const entries = [...this.#entries.values()].filter(({ ending }) => ending === undefined)
    const prepare = (read: Policies): Promise<PromiseSettledResult<() => void>[]> =>
      Promise.allSettled(entries.map(async ({ opening, chosen }) => (await opening).prepare(read.again(chosen.file))))
    const prepared = await prepare(policies)
    const failed = prepared.find((outcome, index) => outcome.status === 'rejected' && isLive(entries[index]))
    if (failed?.status === 'rejected') {
      for (const outcome of await prepare(this.#policies)) if (outcome.status === 'fulfilled') outcome.value()
      throw failed.reason
    }
    // In one turn: no flow of one job is decided by the new policies while another's is still by the old ones.
    this.#policies = policies
    for (const outcome of prepared) if (outcome.status === 'fulfilled') outcome.value()
  }

  /** Takes no more jobs, ends those that are here, and resolves when their records are sealed. */
  stop(why?: GatewayError): Promise<void> {
    this.#stopping ??= (async () => {
      const reason = why ?? new GatewayError('GATEWAY_STOPPING', 'the gateway is ending')
      for (const entry of this.#entries.values()) {
        if (entry.state === 'attached') entry.requester.giveUp(refusalOf(reason))
      }
      await Promise.all([...this.#entries.values()].map(entry => this.#end(entry, why)))
    })()
    return this.#stopping
  }

  async #attach(request: AttachRequest, from: Requester): Promise<Reply> {
    const { job, netns, waitMs = defaultWaitMs } = request
    // A container that was started anew may be quicker than we are to see that the one before is gone.
    for (const entry of this.#entries.values()) if (entry.opened?.isGone === true) void this.#end(entry)
    // One that is ending seals its log; the next of its name waits for that.
    await this.#ended(job, waitMs)
    await this.#replacing
    if (this.#stopping !== undefined) throw new GatewayError('GATEWAY_STOPPING', 'the gateway is ending')
    const known = this.#entries.get(job)
    if (known !== undefined) return { ...refusalOf(exists(`the job ${job} is attached already`)), ...provedMac(known) }
    for (const other of this.#entries.values()) {
      if (netns !== undefined && other.request.netns === netns)
        throw exists(`this network namespace is that of the job ${other.request.job}`)
    }
    const { config, open } = this.#options
    if (this.#entries.size >= config.limits.jobs)
      throw new GatewayError('LIMIT_REACHED', `the gateway serves ${config.limits.jobs} jobs already (limits.jobs)`)
    const chosen = this.#policies.choose(job, request.policy)
    const runFolder = entryOf(config, job).run ?? join(config.runDirectory, job)
    const opening = open({ request, policy: chosen.policy, runFolder })
    const entry: Entry = {
      request,
      chosen,
      requester: from,
      startedAt: new Date(),
      startedAtMs: performance.now(),
      opening,
      opened: undefined,
      state: 'attached',
      ending: undefined,
    }
    this.#entries.set(job, entry)
    let opened: OpenedJob
    try {
      opened = await opening
    } catch (cause) {
      this.#entries.delete(job)
      throw cause
    }
    entry.opened = opened
    void opened.over.then(why => this.#isOver(entry, why))
    if (from.closed.aborted) void this.#end(entry, unproved(job))
    else from.closed.addEventListener('abort', () => entry.state === 'attached' && void this.#end(entry, unproved(job)))
    this.#options.onEvent(job, 'attached', {
      policy: chosen.file,
      mode: chosen.policy.mode,
      device: opened.plan.device,
    })
    return { ok: true, plan: opened.plan, runDirectory: runFolder }
  }

  async #proved({ job, checks }: z.output<typeof provedRequest>, from: Requester): Promise<Reply> {
    const entry = this.#entries.get(job)
    if (entry?.opened === undefined || entry.requester !== from || entry.ending !== undefined)
      throw new GatewayError('JOB_UNKNOWN', `no job ${job} was attached by this connection, or it is over`)
    if (entry.state === 'proved') throw exists(`the job ${job} is proved already`)
    try {
      await entry.opened.serve(checks)
    } catch (cause) {
      await this.#end(entry, cause instanceof GatewayError ? cause : undefined)
      throw cause
    }
    // It may have been ended while it began.
    if (entry.ending !== undefined) throw new GatewayError('JOB_UNKNOWN', `the job ${job} is over`)
    entry.state = 'proved'
    this.#options.onEvent(job, 'proved', { ms: Math.round(performance.now() - entry.startedAtMs) })
    return { ok: true }
  }

  async #detach({ job }: z.output<typeof detachRequest>): Promise<Reply> {
    const entry = this.#entries.get(job)
    if (entry === undefined) throw new GatewayError('JOB_UNKNOWN', `there is no job ${job}`)
    await this.#end(entry)
    return { ok: true }
  }

  async #isOver(entry: Entry, why: GatewayError | undefined): Promise<void> {
    if (entry.ending !== undefined) return
    if (entry.state === 'attached' && why !== undefined) entry.requester.giveUp(refusalOf(why))
    await this.#end(entry, why)
  }

  /** Ends a job once; its name is free again when its record is sealed. */
  #end(entry: Entry, why?: GatewayError): Promise<void> {
    const { request, startedAtMs } = entry
    entry.ending ??= (async () => {
      try {
        const opened = await entry.opening
        await opened.end(why)
        this.#options.onEvent(request.job, 'ended', {
          seconds: Math.round((performance.now() - startedAtMs) / 1_000),
          ...(why === undefined ? {} : { error: why.code, why: why.message }),
        })
      } catch (cause) {
        // What could not be opened was refused; anything else is a fault of ours.
        if (!(cause instanceof GatewayError)) this.#options.onFault(cause)
      } finally {
        if (this.#entries.get(request.job) === entry) this.#entries.delete(request.job)
      }
    })()
    return entry.ending
  }

  async #ended(job: string, waitMs: number): Promise<void> {
    const ending = this.#entries.get(job)?.ending
    if (ending === undefined) return
    using late = new DisposableStack()
    const { promise, resolve } = Promise.withResolvers<void>()
    late.adopt(setTimeout(resolve, waitMs), clearTimeout)
    await Promise.race([ending, promise])
  }
}

function isLive(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.ending === undefined && entry.opened !== undefined
}

/** The init that asks again finds by it that its wire stands. */
function provedMac({ state, opened }: Entry): { readonly jobMac?: string } {
  return state === 'proved' && opened !== undefined ? { jobMac: opened.plan.jobMac } : {}
}

function exists(message: string): GatewayError {
  return new GatewayError('JOB_EXISTS', message)
}

function unproved(job: string): GatewayError {
  return new GatewayError('WIRE_NOT_PROVED', `the init of ${job} went away before it had proved the wire`)
}
