import { basename, dirname } from 'node:path'
import { Lines } from '../../gateway/control/lines.ts'
import type { WirePlan } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import type { ContainerFacts, Engine, HelperSpec, RunningHelper } from './engine.ts'
import { helperLabel } from './labels.ts'
import { type LayOrder, layReport, type LayReport, maxLayLineBytes } from './lay-protocol.ts'

/** Where a helper for all builds sees the engine's files that show network namespaces. */
export const namespaceFolder = '/run/network-namespaces'

/** Longer than any order takes, in milliseconds: laying, the carrier and the proof have ten seconds each, undoing five. */
const silentMs = 45_000

/** What the helper could not even begin: the job's namespace is not to be seen from where it is. */
export class Unseen extends Error {}

/** What a helper is asked for. */
export interface LayTask {
  readonly plan: WirePlan
  /** By its file's name; default: the namespace that the helper is in. */
  readonly namespace?: string
  readonly onLaid: () => void
}

/** The helper for all builds: it enters their network namespaces by the files of the engine's folder. Pure. */
export function sharedHelper(gateway: ContainerFacts): HelperSpec {
  const from = dirname(gateway.networkNamespace)
  return { ...commonSpec(gateway, gateway.id), namespaces: { from, at: namespaceFolder } }
}

/** The helper for one build alone, in its network namespace. Pure. */
export function ownHelper(gateway: ContainerFacts, container: string): HelperSpec {
  return { ...commonSpec(gateway, container), network: container }
}

/** How the helper for all builds finds a container's network namespace; undefined where it is not in the gateway's folder of them. Pure. */
export function namespaceOf(container: ContainerFacts, gateway: ContainerFacts): string | undefined {
  const { networkNamespace } = container
  if (dirname(networkNamespace) !== dirname(gateway.networkNamespace)) return undefined
  const name = basename(networkNamespace)
  return hexName.test(name) ? name : undefined
}

const hexName = /^[0-9a-f]{8,64}$/

/** Does the engine show network namespaces by files as Docker names them? By the gateway's own, which may be the machine's. Pure. */
export function isShown({ networkNamespace }: ContainerFacts): boolean {
  const name = basename(networkNamespace)
  return networkNamespace.startsWith('/') && (name === 'default' || hexName.test(name))
}

function commonSpec({ id, image }: ContainerFacts, madeFor: string): HelperSpec {
  return { image, pid: id, command: ['sidecar-init', 'lay'], labels: { [helperLabel]: madeFor } }
}

/** A helper that runs, and takes orders. Disposing ends it; what it has not proved by then it undoes. */
export class Helper implements AsyncDisposable {
  readonly #running: RunningHelper
  readonly #waiting = new Map<number, (report: LayReport | Error) => void>()
  #last = 0
  #isOver = false
  #hasProved = false

  constructor(running: RunningHelper) {
    this.#running = running
    void this.#listen()
  }

  /** Of its container. */
  get id(): string {
    return this.#running.id
  }

  /** It takes no more orders: it has ended, or does not answer. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** It has proved a wire, so it works here. */
  get hasProved(): boolean {
    return this.#hasProved
  }

  /** Why it is over, in its own words where it has said something. */
  get why(): string {
    return this.#gone().message
  }

  /**
   * Lays and proves a wire, and returns what was proved.
   * @throws GatewayError WIRE_NOT_PROVED with what it said; Unseen when it could not enter the namespace
   */
  async lay({ plan, namespace, onLaid }: LayTask, signal: AbortSignal): Promise<readonly string[]> {
    const order: LayOrder = { order: (this.#last += 1), plan, ...(namespace === undefined ? {} : { namespace }) }
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    const onStop = (): void => reject(stopped(signal))
    if (signal.aborted || this.#isOver) reject(signal.aborted ? stopped(signal) : this.#gone())
    signal.addEventListener('abort', onStop, { once: true })
    this.#waiting.set(order.order, report => {
      if (report instanceof Error) return reject(report)
      if (report.step === 'laid') return onLaid()
      if (report.step === 'proved') {
        this.#hasProved = true
        return resolve(report.checks)
      }
      reject(report.unseen ? new Unseen(report.error) : new GatewayError('WIRE_NOT_PROVED', report.error))
    })
    // Frozen, or cut off from us without a word: whoever asks next gets another.
    const patience = setTimeout(() => {
      this.#isOver = true
      reject(new GatewayError('WIRE_NOT_PROVED', `its helper did not answer in ${silentMs / 1_000} s`))
    }, silentMs)
    try {
      if (!this.#isOver) this.#running.send(`${JSON.stringify(order)}\n`)
      return await promise
    } finally {
      clearTimeout(patience)
      signal.removeEventListener('abort', onStop)
      this.#waiting.delete(order.order)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#running[Symbol.asyncDispose]()
  }

  /** Tells whoever waits; in the end, that there is nothing more to wait for. */
  async #listen(): Promise<void> {
    const lines = new Lines(maxLayLineBytes)
    try {
      for await (const chunk of this.#running.output)
        for (const line of lines.push(chunk) ?? overlong()) {
          const report = parseReport(line)
          this.#waiting.get(report.order)?.(report)
        }
    } catch (cause) {
      this.#end(new GatewayError('WIRE_NOT_PROVED', messageOf(cause), { cause }))
    }
    this.#end(this.#gone())
  }

  #end(why: Error): void {
    this.#isOver = true
    for (const tell of this.#waiting.values()) tell(why)
  }

  #gone(): GatewayError {
    const said = this.#running
      .complaint()
      .split('\n')
      .find(line => line !== '')
    const why = said?.replace(/^sidecar-init: /, '') ?? 'its helper ended before it had proved the wire'
    return new GatewayError('WIRE_NOT_PROVED', why)
  }
}

/** Starts a helper. @throws GatewayError ENGINE_UNREACHABLE */
export async function startHelper(engine: Engine, spec: HelperSpec): Promise<Helper> {
  return new Helper(await engine.startHelper(spec))
}

function overlong(): never {
  throw new Error('a helper’s report is longer than any')
}

function parseReport(line: string): LayReport {
  try {
    return layReport.parse(JSON.parse(line))
  } catch (cause) {
    throw new Error('a helper’s report cannot be read', { cause })
  }
}

function stopped(signal: AbortSignal): Error {
  return signal.reason instanceof GatewayError
    ? signal.reason
    : new GatewayError('WIRE_NOT_PROVED', 'stopped before the wire was proved')
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
