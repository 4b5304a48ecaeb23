import { once } from 'node:events'
import { plainShape } from '../../../gateway/container/shape.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type { ContainerFacts, Engine, EngineEvent, HelperOutcome } from '../../../sidecar-init/docker/engine.ts'

/** An engine in memory: what it was told stands in `calls`, what happens is told by `happen`. */
export class FakeEngine implements Engine {
  readonly containers = new Map<string, ContainerFacts>()
  readonly calls: string[] = []
  /** Files of the last archive that was put into a container, by container. */
  readonly helpers = new Map<string, string>()
  /** What a helper says; the default proves. */
  helperSays: () => HelperOutcome = () => ({ stdout: 'laid\nonly lo and the wire\nproved\n', stderr: '' })
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

  async createHelper({ network, pid }: { readonly network: string; readonly pid: string }): Promise<string> {
    this.#number += 1
    const id = `helper${this.#number}`
    this.#answer(`create ${id} ${network} ${pid}`)
    this.helpers.set(id, network)
    return id
  }

  async runHelper(id: string, onOutput: () => void): Promise<HelperOutcome> {
    this.#answer(`run ${id}`)
    const said = this.helperSays()
    if (said.stdout !== '') onOutput()
    return said
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
