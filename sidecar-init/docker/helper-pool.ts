import type { WirePlan } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import type { ContainerFacts, Engine } from './engine.ts'
import { type Helper, isShown, namespaceOf, ownHelper, sharedHelper, startHelper, Unseen } from './helper-container.ts'
import type { WatchLog } from './watch-log.ts'

/** Pauses between two tries to have a helper for all builds, in milliseconds. */
const leastPauseMs = 1_000
const mostPauseMs = 3_600_000
/** An engine that does not show namespaces will hardly do so soon: the first pause is then a minute. */
const unseenFailures = 7

/** Whose wire is to be laid. */
export interface HelpOptions {
  readonly plan: WirePlan
  readonly container: ContainerFacts
  readonly gateway: ContainerFacts
  readonly onLaid: () => void
}

/** The helper for all builds of one run of a gateway. */
interface Shared {
  readonly run: string
  /** Undefined: this engine cannot have one. */
  readonly helper: Promise<Helper | undefined>
}

/**
 * Who lays wires: one helper for all builds, which is there before they start; and where the engine cannot show it their
 * network namespaces, one for each build, which takes three times as long.
 */
export class Helpers implements AsyncDisposable {
  readonly #engine: Engine
  readonly #log: WatchLog
  readonly #ids = new Set<string>()
  #shared: Shared | undefined
  /** How often in a row there was none for all, or one that proved nothing. */
  #failures = 0
  /** Milliseconds of `performance.now`: until then each build gets its own. */
  #retryAt = -Infinity
  #told = ''

  constructor(engine: Engine, log: WatchLog) {
    this.#engine = engine
    this.#log = log
  }

  /** Is this container one of the helpers that are at work? */
  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Starts the helper for all builds, unless it runs. @throws GatewayError ENGINE_UNREACHABLE */
  async prepare(gateway: ContainerFacts): Promise<void> {
    await this.#of(gateway)
  }

  /**
   * Lays and proves the wire of a container that runs; returns what was proved.
   * @throws GatewayError WIRE_NOT_PROVED, ENGINE_UNREACHABLE; the signal's reason when it is aborted
   */
  async lay({ plan, container, gateway, onLaid }: HelpOptions, signal: AbortSignal): Promise<readonly string[]> {
    const namespace = namespaceOf(container, gateway)
    const shared = namespace === undefined ? undefined : await this.#of(gateway)
    if (shared !== undefined && namespace !== undefined) {
      try {
        const checks = await shared.lay({ plan, namespace, onLaid }, signal)
        this.#failures = 0
        return checks
      } catch (cause) {
        if (!(cause instanceof Unseen)) throw cause
        await this.#requireRunning(container)
        await this.#giveUpSharing(gateway, cause)
      }
    }
    await using owned = new AsyncDisposableStack()
    const own = await this.#start(ownHelper(gateway, container.id))
    owned.defer(async () => this.#end(own))
    return await own.lay({ plan, onLaid }, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const shared = this.#shared
    this.#shared = undefined
    const helper = await settled(shared?.helper)
    if (helper !== undefined) await this.#end(helper)
  }

  async #of(gateway: ContainerFacts): Promise<Helper | undefined> {
    const run = runOf(gateway)
    const known = this.#shared
    if (known !== undefined) {
      const helper = await settled(known.helper)
      const isGood = helper === undefined ? performance.now() < this.#retryAt : !helper.isOver
      if (known.run === run && isGood) return helper
      if (this.#shared === known) {
        const endedItself = known.run === run && helper?.hasProved === false
        this.#shared = endedItself && this.#pause(helper.why) ? { run, helper: Promise.resolve(undefined) } : undefined
        if (helper !== undefined) await this.#end(helper)
      }
    }
    // Whoever comes second waits for the first's.
    this.#shared ??= { run, helper: this.#startShared(gateway) }
    const mine = this.#shared
    try {
      return await mine.helper
    } catch (cause) {
      if (this.#shared === mine) this.#shared = undefined
      throw cause
    }
  }

  async #startShared(gateway: ContainerFacts): Promise<Helper | undefined> {
    if (!isShown(gateway)) {
      this.#pause('the engine shows no network namespace of the gateway’s own')
      return undefined
    }
    try {
      return await this.#start(sharedHelper(gateway))
    } catch (cause) {
      // Without a status nobody has answered: that passes.
      if (!(cause instanceof GatewayError) || cause.details['status'] === undefined) throw cause
      this.#pause(cause.message)
      return undefined
    }
  }

  /** Says why there is none for all, and waits before the next: at first not at all, then ever longer. False when there is no wait. */
  #pause(why: string): boolean {
    const waitMs = this.#failures === 0 ? 0 : Math.min(mostPauseMs, leastPauseMs * 2 ** (this.#failures - 1))
    this.#failures += 1
    this.#retryAt = performance.now() + waitMs
    if (waitMs === 0) return false
    if (why !== this.#told) this.#log.warn({}, `there is no helper for all builds, so each gets its own, later: ${why}`)
    this.#told = why
    return true
  }

  /** A container that has ended has no namespace any more: that says nothing about the helper. */
  async #requireRunning({ id, startedAt }: ContainerFacts): Promise<void> {
    const now = await this.#engine.inspect(id)
    if (now?.state === 'running' && now.startedAt === startedAt) return
    throw new GatewayError('WIRE_NOT_PROVED', 'the container ended before its wire was laid')
  }

  async #giveUpSharing(gateway: ContainerFacts, cause: Unseen): Promise<void> {
    const shared = this.#shared
    const helper = await settled(shared?.helper)
    // Two may find it out at a time.
    if (helper === undefined || shared?.run !== runOf(gateway) || this.#shared !== shared) return
    this.#shared = { run: shared.run, helper: Promise.resolve(undefined) }
    this.#failures = Math.max(this.#failures, unseenFailures)
    this.#pause(`it cannot enter their network namespaces: ${cause.message}`)
    await this.#end(helper)
  }

  async #start(spec: ReturnType<typeof ownHelper>): Promise<Helper> {
    const helper = await startHelper(this.#engine, spec)
    this.#ids.add(helper.id)
    return helper
  }

  async #end(helper: Helper): Promise<void> {
    try {
      await helper[Symbol.asyncDispose]()
    } finally {
      this.#ids.delete(helper.id)
    }
  }
}

/** One run of a gateway's container: its next has other processes. */
function runOf({ id, startedAt }: ContainerFacts): string {
  return `${id} ${startedAt}`
}

/** What became of it; undefined as well when it failed, which whoever began it was told. */
async function settled(helper: Promise<Helper | undefined> | undefined): Promise<Helper | undefined> {
  try {
    return await helper
  } catch {
    return undefined
  }
}
