import { type JobStatus, plainReply, statusReply } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { type Control, refused } from '../control.ts'
import { judge } from './candidate.ts'
import type { ContainerFacts, Engine } from './engine.ts'
import type { Helpers } from './helper-pool.ts'
import { openWiring, type Wiring } from './wiring.ts'
import type { WatchLog } from './watch-log.ts'

const askMs = 30_000
/** A wire that could not be laid is tried again, first so soon, at last so rarely. */
const firstRetryMs = 1_000
const lastRetryMs = 30_000

/** What all attachments share. */
export interface AttachmentOptions {
  readonly engine: Engine
  readonly helpers: Helpers
  readonly openControl: (signal: AbortSignal) => Promise<Control>
  /** The gateway's container. @throws GatewayError GATEWAY_UNREACHABLE */
  readonly gateway: () => Promise<ContainerFacts>
  readonly log: WatchLog
  /** Milliseconds, of a clock that never goes back. */
  readonly now: () => number
  readonly signal: AbortSignal
}

/** The wire stands. */
interface Linked {
  readonly job: string
  /** Of the container's run. */
  readonly startedAt: string
  /** By our clock. */
  readonly since: number
}

/**
 * One labelled container, brought by `settle` to where it should be: prepared when it is created, linked while it runs,
 * released when it ends. Its steps never overlap, and each looks at the container anew, so that it does not matter which
 * event was missed.
 */
export class Attachment {
  readonly #options: AttachmentOptions
  readonly #id: string
  #wiring: Wiring | undefined
  #linked: Linked | undefined
  /** A container that is created and not started is prepared once. */
  #isDormant = false
  #complaint: string | undefined
  #failures = 0
  #retryAt = 0
  #running: Promise<void> | undefined
  #isDue = false

  constructor(id: string, options: AttachmentOptions) {
    this.#id = id
    this.#options = options
  }

  /** Does what is to be done now. `hasStarted`: then it is tried at once, whatever became of earlier tries. */
  settle(hasStarted = false): Promise<void> {
    this.#isDue = true
    if (hasStarted) this.#retryAt = 0
    this.#running ??= this.#settleAll()
    return this.#running
  }

  /**
   * Takes note of the jobs that the gateway had at a time: one that was linked before this watcher came is linked, and one
   * that is gone is not.
   */
  async compare(jobs: readonly JobStatus[], asOf: number): Promise<void> {
    await this.#running
    const mine = jobs.find(({ container, state }) => container === this.#id && state === 'proved')
    if (mine === undefined && this.#linked !== undefined && this.#linked.since < asOf) {
      this.#tell('warn', 'the gateway has no wire of it any more')
      this.#linked = undefined
    } else if (mine !== undefined && this.#linked === undefined && this.#wiring === undefined) {
      const facts = await this.#options.engine.inspect(this.#id)
      if (facts?.state === 'running') this.#linked = { job: mine.job, startedAt: facts.startedAt, since: asOf }
    }
  }

  /** Gives up what is not linked; a wire that stands goes on without this watcher. */
  async leave(): Promise<void> {
    await this.#running
    await this.#giveUp()
  }

  async #settleAll(): Promise<void> {
    try {
      while (this.#isDue && !this.#options.signal.aborted) {
        this.#isDue = false
        await this.#settleOnce()
      }
    } catch (cause) {
      await this.#failed(cause)
    } finally {
      this.#running = undefined
    }
  }

  async #settleOnce(): Promise<void> {
    if (this.#wiring?.isOver === true) await this.#giveUp()
    const facts = await this.#options.engine.inspect(this.#id)
    if (facts === undefined || facts.state === 'ended') return this.#release()
    if (this.#linked !== undefined && this.#linked.startedAt !== facts.startedAt) await this.#release()
    if (this.#linked !== undefined || this.#options.now() < this.#retryAt) return
    if (facts.state === 'created' && this.#isDormant) return
    this.#wiring ??= await this.#prepare(facts)
    this.#isDormant = facts.state === 'created'
    if (this.#wiring !== undefined && facts.state === 'running') await this.#link(this.#wiring, facts)
  }

  async #prepare(facts: ContainerFacts): Promise<Wiring | undefined> {
    const gateway = await this.#options.gateway()
    const wanted = judge(facts, gateway.id)
    if ('what' in wanted) {
      this.#complain(`${facts.name} ${wanted.what}: it gets no wire (${wanted.fix})`, 'CONTAINER_UNSAFE')
      // What it is made of does not change; its network might.
      this.#retryAt = this.#options.now() + lastRetryMs
      return undefined
    }
    const onTrouble = (message: string): void => this.#complain(`${facts.name}: ${message}`)
    return openWiring({ ...this.#options, onTrouble }, facts, wanted, gateway)
  }

  async #link(wiring: Wiring, running: ContainerFacts): Promise<void> {
    const times = await wiring.link(running)
    this.#failures = 0
    const { job, device } = wiring
    this.#tell('info', 'linked', { job, device, ...times })
    this.#linked = { job, startedAt: running.startedAt, since: this.#options.now() }
    await this.#giveUp()
  }

  /** The container is gone or has ended: so has its job. */
  async #release(): Promise<void> {
    await this.#giveUp()
    this.#isDormant = false
    this.#complaint = undefined
    const linked = this.#linked
    this.#linked = undefined
    if (linked === undefined) return
    const { openControl, signal } = this.#options
    using control = await openControl(signal)
    const limits = { timeoutMs: askMs, signal }
    const status = await control.ask({ op: 'status' }, statusReply, limits)
    // The gateway may have seen it first, and the next container may have the job's name by now.
    const isStill = status.ok && status.jobs.some(({ job, container }) => job === linked.job && container === this.#id)
    if (isStill) {
      const reply = await control.ask({ op: 'detach', job: linked.job }, plainReply, limits)
      if (!reply.ok && reply.code !== 'JOB_UNKNOWN') throw refused(reply)
    }
    this.#tell('info', 'ended', { job: linked.job })
  }

  /** Ends what was prepared; of a wire that is proved this is only the connection. */
  async #giveUp(): Promise<void> {
    const wiring = this.#wiring
    this.#wiring = undefined
    await wiring?.[Symbol.asyncDispose]()
  }

  async #failed(cause: unknown): Promise<void> {
    const { log, now, signal } = this.#options
    this.#retryAt = now() + Math.min(firstRetryMs * 2 ** this.#failures, lastRetryMs)
    this.#failures += 1
    if (!signal.aborted) {
      if (cause instanceof GatewayError) this.#complain(cause.message, cause.code)
      else
        log.error(
          { container: this.#id, error: cause instanceof Error ? cause.stack : String(cause) },
          'internal error',
        )
    }
    try {
      await this.#giveUp()
    } catch (second) {
      this.#complain(second instanceof Error ? second.message : String(second))
    }
  }

  /** Says a thing once, not with every try. */
  #complain(message: string, code?: string): void {
    if (this.#complaint === message) return
    this.#complaint = message
    this.#tell('warn', message, code === undefined ? {} : { code })
  }

  #tell(level: 'info' | 'warn', message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#options.log[level]({ container: this.#id.slice(0, 12), ...facts }, message)
  }
}
