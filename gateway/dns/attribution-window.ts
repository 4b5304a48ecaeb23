import type { Job } from '../jobs/job.ts'
import { parseAddress } from '../net/address.ts'
import { parsePort } from '../net/port.ts'
import type { ProcessInfo } from '../record/event.ts'

/** Who sent a message, and how. */
export interface Peer {
  readonly transport: 'udp' | 'tcp'
  /** As the socket says it. */
  readonly address: string
  readonly port: number
  /** Where the job meant to go. */
  readonly destination: { readonly address: string; readonly port: number }
}

/** How long an answer may wait for the name of the process that asked; it goes out without one after that. */
const waitMs = 100
/** A process asks A and AAAA from one socket at once; so long that socket's owner is not looked up again. */
const rememberMs = 250
const maxRemembered = 4_096
/** Looking a socket up reads /proc, so a flood from ever new ports must not make the gateway do it for each. */
const perSecond = 500
const maxAtOnce = 64

interface Remembered {
  readonly address: string
  readonly process: ProcessInfo | undefined
  readonly until: number
}

/** Finds out which process of a job asks, while the client waits; bounded in time, in number and in memory. Unknown is an answer. */
export class AttributionWindow {
  readonly #job: Job
  readonly #now: () => number
  /** By port and transport: the address hardly ever differs within a job. */
  readonly #known = new Map<number, Remembered>()
  readonly #asking = new Map<string, Promise<ProcessInfo | undefined>>()
  #secondBegan = -Infinity
  #inSecond = 0

  constructor(job: Job, now: () => number) {
    this.#job = job
    this.#now = now
  }

  /** The process behind a message, at once if it was found a moment ago; a promise never rejects. */
  find(peer: Peer): ProcessInfo | undefined | Promise<ProcessInfo | undefined> {
    const now = this.#now()
    const known = this.#known.get(endKey(peer))
    if (known !== undefined && known.until > now && known.address === peer.address) return known.process
    const key = `${peer.transport} ${peer.address} ${peer.port}`
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    if (!this.#mayAsk(now)) return undefined
    const found = this.#ask(peer, key)
    this.#asking.set(key, found)
    return found
  }

  async #ask(peer: Peer, key: string): Promise<ProcessInfo | undefined> {
    const source = endOf(peer.address, peer.port)
    const destination = endOf(peer.destination.address, peer.destination.port)
    if (source === undefined || destination === undefined) return undefined
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>(resolve => (timer = setTimeout(() => resolve(undefined), waitMs)))
    // What cannot be found out is unknown: neither the answer nor its line may fail for it.
    const found = this.#job.attribute({ transport: peer.transport, source, destination }).catch(() => undefined)
    const process = await Promise.race([found, late])
    clearTimeout(timer)
    this.#asking.delete(key)
    if (this.#known.size >= maxRemembered) this.#known.clear()
    this.#known.set(endKey(peer), { address: peer.address, process, until: this.#now() + rememberMs })
    return process
  }

  #mayAsk(now: number): boolean {
    if (now - this.#secondBegan >= 1_000) {
      this.#secondBegan = now
      this.#inSecond = 0
    }
    this.#inSecond += 1
    return this.#inSecond <= perSecond && this.#asking.size < maxAtOnce
  }
}

function endKey({ transport, port }: Peer): number {
  return transport === 'udp' ? port : port + 65_536
}

function endOf(rawAddress: string, rawPort: number): Parameters<Job['attribute']>[0]['source'] | undefined {
  const address = parseAddress(rawAddress)
  const port = parsePort(rawPort)
  return address === undefined || port === undefined ? undefined : { address, port }
}
