import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { plainShape } from '../../../gateway/container/shape.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type {
  ContainerFacts,
  Engine,
  EngineEvent,
  HelperSpec,
  RunningHelper,
} from '../../../sidecar-init/docker/engine.ts'
import { layOrder, type LayOrder } from '../../../sidecar-init/docker/lay-protocol.ts'

/** How a helper tells of a wire that holds. */
export const proves = [{ step: 'laid' }, { step: 'proved', checks: ['only lo and the wire'] }]

/** An engine in memory: what it was told stands in `calls`, what happens is told by `happen`. */
export class FakeEngine implements Engine {
  readonly containers = new Map<string, ContainerFacts>()
  readonly calls: string[] = []
  /** Helpers that run, with the container whose network namespace each is in; empty for the one of all. */
  readonly helpers = new Map<string, string>()
  /** What a helper answers to an order; without an answer it ends. The default proves. */
  helperSays: (order: LayOrder, isShared: boolean) => readonly object[] = () => proves
  /** Why no helper for all builds can be started. */
  refusesShared: GatewayError | undefined
  isUp = true
  #pending: EngineEvent[] = []
  readonly #news = new EventTarget()
  #number = 0

  /** Adds or changes a container, and tells it unless nobody shall hear. */
  put(id: string, change: Partial<ContainerFacts>, action?: EngineEvent['action']): void {
    const known: ContainerFacts = this.containers.get(id) ?? {
      id,
      name: id,
      labels: { 'tidegate.job': id },
      image: 'sha256:build',
      state: 'created',
      startedAt: '',
      networkNamespace: `/run/docker/netns/${/^[0-9a-f]{12}/.exec(id)?.[0] ?? 'default'}`,
      shape: plainShape,
      mountPoints: [],
    }
    this.containers.set(id, { ...known, ...change })
    if (action !== undefined) this.happen({ action, id })
  }

  happen(event: EngineEvent): void {
    this.#pending.push(event)
    this.#news.dispatchEvent(new Event('news'))
  }

  /** The connection breaks; what happens meanwhile nobody hears. */
  goDown(): void {
    this.isUp = false
    this.#news.dispatchEvent(new Event('news'))
  }

  async events(_label: string, signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    this.#answer('events')
    this.#pending = []
    const [news, next, isUp] = [this.#news, () => this.#pending.shift(), () => this.isUp]
    return (async function* () {
      while (isUp() && !signal.aborted) {
        const event = next()
        if (event === undefined) await once(news, 'news', { signal })
        else yield event
      }
    })()
  }

  async list(label: string): Promise<readonly string[]> {
    this.#answer(`list ${label}`)
    if (label === 'tidegate.helper') return [...this.helpers.keys()]
    const [name = '', value] = label.split('=')
    return [...this.containers.values()].flatMap(({ id, labels }) =>
      labels[name] !== undefined && (value === undefined || labels[name] === value) ? [id] : [],
    )
  }

  async inspect(id: string): Promise<ContainerFacts | undefined> {
    this.#answer(`inspect ${id}`)
    return this.containers.get(id)
  }

  async putFiles(id: string, tar: Uint8Array): Promise<void> {
    this.#answer(`put ${id} ${Buffer.from(tar).includes('run/tidegate/ready') ? 'ready' : 'files'}`)
  }

  async startHelper({ network, pid, namespaces }: HelperSpec): Promise<RunningHelper> {
    if (network === undefined && this.refusesShared !== undefined) throw this.refusesShared
    this.#number += 1
    const id = `helper${this.#number}`
    this.#answer(`start ${id} ${network ?? `all:${namespaces?.from ?? ''}`} ${pid}`)
    this.helpers.set(id, network ?? '')
    const output = new PassThrough()
    return {
      id,
      output,
      send: text => {
        const order = layOrder.parse(JSON.parse(text))
        this.calls.push(`order ${id} ${order.namespace ?? 'its own'}`)
        const reports = this.helperSays(order, network === undefined)
        for (const report of reports) output.write(`${JSON.stringify({ order: order.order, ...report })}\n`)
        if (reports.length === 0) output.end()
      },
      complaint: () => '',
      [Symbol.asyncDispose]: async () => {
        output.end()
        this.calls.push(`end ${id}`)
        this.helpers.delete(id)
      },
    }
  }

  async remove(id: string): Promise<void> {
    this.#answer(`remove ${id}`)
    this.helpers.delete(id)
  }

  #answer(call: string): void {
    if (!this.isUp) throw new GatewayError('ENGINE_UNREACHABLE', 'the Docker engine does not answer: down')
    this.calls.push(call)
  }
}
