import { setTimeout as delay } from 'node:timers/promises'
import { type JobStatus, statusReply } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { type Control, refused } from '../control.ts'
import { Attachment } from './attachment.ts'
import type { ContainerFacts, Engine } from './engine.ts'
import { Helpers } from './helper-pool.ts'
import { helperLabel, jobLabel, roleLabel } from './labels.ts'
import type { WatchLog } from './watch-log.ts'

/** What the watcher is made of. */
export interface WatchOptions {
  readonly engine: Engine
  readonly openControl: (signal: AbortSignal) => Promise<Control>
  /** Name or id of the gateway's container; default: the one that runs with the label `tidegate.role=gateway`. */
  readonly gateway?: string
  readonly log: WatchLog
  readonly now: () => number
  /** How often gateway and containers are compared when nothing happens. */
  readonly everyMs: number
}

const firstBackoffMs = 100
const lastBackoffMs = 5_000

/**
 * Links every labelled container of an engine while it runs, until it is told to stop. Engine and gateway may come, go and
 * come back: what is missed meanwhile is found by comparing, and a wire that stands is left alone.
 */
export async function watch(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const watcher = new Watcher(options, signal)
  try {
    await Promise.all([watcher.followEngine(), watcher.followGateway()])
  } finally {
    await watcher.leave()
  }
}

class Watcher {
  readonly #options: WatchOptions
  readonly #signal: AbortSignal
  readonly #attachments = new Map<string, Attachment>()
  readonly #helpers: Helpers
  /** The engine answers; while it does not, containers are not looked at. */
  #isConnected = false

  constructor(options: WatchOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    this.#helpers = new Helpers(options.engine, options.log)
  }

  async followEngine(): Promise<void> {
    const { engine, log } = this.#options
    let backoffMs = firstBackoffMs
    while (!this.#signal.aborted) {
      try {
        const events = await engine.events(jobLabel, this.#signal)
        // Events first, then the list: what happens in between is seen twice rather than not at all.
        await this.#removeHelpers()
        await this.#compare()
        this.#isConnected = true
        backoffMs = firstBackoffMs
        log.info({ containers: this.#attachments.size }, 'watching')
        for await (const { action, id } of events) void this.#of(id).settle(action === 'start')
        if (!this.#signal.aborted) log.warn({}, 'the engine closed the connection')
      } catch (cause) {
        if (this.#signal.aborted) return
        this.#say('engine', cause)
      }
      this.#isConnected = false
      await this.#pause(backoffMs)
      backoffMs = Math.min(backoffMs * 2, lastBackoffMs)
    }
  }

  async followGateway(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#pause(this.#options.everyMs)
      if (!this.#isConnected || this.#signal.aborted) continue
      try {
        await this.#compare()
      } catch (cause) {
        if (!this.#signal.aborted) this.#say('gateway', cause)
      }
    }
  }

  async leave(): Promise<void> {
    await Promise.allSettled([...this.#attachments.values()].map(attachment => attachment.leave()))
    await Promise.allSettled([this.#helpers[Symbol.asyncDispose]()])
  }

  /** Brings every container to where it should be, by what engine and gateway say now. */
  async #compare(): Promise<void> {
    const ids = new Set(await this.#options.engine.list(jobLabel))
    for (const id of ids) this.#of(id)
    const asOf = this.#options.now()
    const jobs = await this.#jobs()
    if (jobs !== undefined) await this.#prepareHelper()
    const all = [...this.#attachments.entries()]
    if (jobs !== undefined) await Promise.all(all.map(([, attachment]) => attachment.compare(jobs, asOf)))
    for (const [id, attachment] of all) {
      const settled = attachment.settle()
      if (!ids.has(id)) void settled.then(() => this.#attachments.delete(id))
    }
  }

  /** A helper is there before a container needs it, also for a gateway that came back. */
  async #prepareHelper(): Promise<void> {
    try {
      await this.#helpers.prepare(await this.#gateway())
    } catch (cause) {
      // It is tried again for each container, which then says what is wrong.
      if (!(cause instanceof GatewayError)) throw cause
    }
  }

  /** The gateway's jobs; undefined while it does not answer. */
  async #jobs(): Promise<readonly JobStatus[] | undefined> {
    try {
      using control = await this.#options.openControl(this.#signal)
      const reply = await control.ask({ op: 'status' }, statusReply, { timeoutMs: 10_000, signal: this.#signal })
      if (!reply.ok) throw refused(reply)
      this.#said.delete('gateway')
      return reply.jobs
    } catch (cause) {
      this.#say('gateway', cause)
      return undefined
    }
  }

  /** What a watcher before us has left, or the engine when it went. */
  async #removeHelpers(): Promise<void> {
    const { engine } = this.#options
    for (const id of await engine.list(helperLabel)) if (!this.#helpers.has(id)) await engine.remove(id)
  }

  #of(id: string): Attachment {
    const known = this.#attachments.get(id)
    if (known !== undefined) return known
    const { engine, openControl, log, now } = this.#options
    const gateway = (): Promise<ContainerFacts> => this.#gateway()
    const attachment = new Attachment(id, {
      engine,
      helpers: this.#helpers,
      openControl,
      gateway,
      log,
      now,
      signal: this.#signal,
    })
    this.#attachments.set(id, attachment)
    return attachment
  }

  async #gateway(): Promise<ContainerFacts> {
    const { engine, gateway } = this.#options
    const ids = gateway === undefined ? await engine.list(`${roleLabel}=gateway`) : [gateway]
    const found = await Promise.all(ids.map(id => engine.inspect(id)))
    const running = found.filter(facts => facts?.state === 'running')
    const [first, ...others] = running
    if (first !== undefined && others.length === 0) return first
    const where = gateway === undefined ? `with the label ${roleLabel}=gateway` : `called ${gateway}`
    const what =
      first === undefined
        ? `no container ${where} is running`
        : `${running.length} containers run ${where}: name one (--gateway)`
    throw new GatewayError('GATEWAY_UNREACHABLE', what)
  }

  readonly #said = new Map<string, string>()

  /** Says what is wrong once, until it changes. */
  #say(about: string, cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause)
    if (this.#said.get(about) === message) return
    this.#said.set(about, message)
    const code = cause instanceof GatewayError ? cause.code : undefined
    this.#options.log.warn(code === undefined ? {} : { code }, message)
  }

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#signal })
    } catch (cause) {
      if (!this.#signal.aborted) throw cause
    }
  }
}
