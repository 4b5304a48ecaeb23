import type { AlarmKind } from '../record/event.ts'
import { keysOf, matchesHost } from './host-family.ts'
import type { Lock, Row, Sighting } from './lock.ts'
import { type NearHost, NearHosts } from './near-host.ts'

/** What is odd about a sighting. */
export interface Anomaly {
  readonly kind: Extract<AlarmKind, 'new-host' | 'new-process' | 'new-method' | 'new-upload' | 'near-host'>
  /** The same for what is to be told once. */
  readonly key: string
  /** What is known of it, for the words. */
  readonly near: NearHost | undefined
  /** What is known about the same endpoint; of the same executable, where that is known. */
  readonly known: readonly Row[]
  readonly sighting: Sighting
}

/** Sightings whose comparison is kept. */
const mostFound = 4_096

/** What one job is known to do, ready to be asked at each request. */
export class Expected {
  readonly #byHost = new Map<string, Row[]>()
  /** Is there a row that names an executable? */
  readonly knowsPrograms: boolean
  readonly #near: NearHosts
  /** What was found lately: a flood asks the same again and again. */
  readonly #found = new Map<string, Anomaly | undefined>()

  /** Near misses are looked for among the hosts of all jobs of the lock; everything else in `job`'s. */
  constructor(lock: Lock, job: string) {
    const own = lock.jobs.get(job)?.rows ?? []
    this.knowsPrograms = own.some(({ by }) => by !== undefined)
    for (const row of own) {
      for (const key of row.only ?? [row.host]) {
        const rows = this.#byHost.get(key)
        if (rows === undefined) this.#byHost.set(key, [row])
        else rows.push(row)
      }
    }
    const all = [...lock.jobs.values()].flatMap(({ rows }) => rows)
    this.#near = new NearHosts(all.flatMap(({ does, host, only }) => (does === 'ask' ? [] : (only ?? [host]))))
  }

  /** Is there anything that the job is known to do with this host, if only to ask for its name? */
  knowsHost(host: string): boolean {
    return this.#rowsOf(host).length > 0
  }

  /** What is odd about a sighting; undefined when it is known. What has no process is compared without. */
  anomalyOf(sighting: Sighting): Anomaly | undefined {
    const { host, port, transport, does, by } = sighting
    const key = `${host} ${port} ${transport} ${does} ${by}`
    const before = this.#found.get(key)
    if (before !== undefined || this.#found.has(key)) return before
    const anomaly = this.#compare(sighting)
    if (this.#found.size >= mostFound) this.#found.clear()
    this.#found.set(key, anomaly)
    return anomaly
  }

  #compare(sighting: Sighting): Anomaly | undefined {
    const { host, port, transport, does, by } = sighting
    const ofHost = this.#rowsOf(host)
    if (does === 'ask' && ofHost.length > 0) return undefined
    const ofPort = ofHost.filter(row => row.port === port && row.transport === transport && row.does !== 'ask')
    const place = `${host} ${port} ${transport}`
    if (ofPort.length === 0) {
      const known = ofHost.filter(row => row.does !== 'ask')
      const near = known.length > 0 ? undefined : this.#near.find(host)
      return { kind: near === undefined ? 'new-host' : 'near-host', key: `host ${place}`, near, known, sighting }
    }
    const ofProcess = by === undefined ? ofPort : ofPort.filter(row => row.by === undefined || row.by === by)
    if (ofProcess.some(row => row.does === does)) return undefined
    if (does === 'write' && ofPort.every(row => row.does === 'read')) {
      return { kind: 'new-upload', key: `upload ${place} ${by}`, near: undefined, known: ofPort, sighting }
    }
    if (ofProcess.length === 0) {
      return { kind: 'new-process', key: `process ${place} ${by}`, near: undefined, known: ofPort, sighting }
    }
    return { kind: 'new-method', key: `method ${place} ${by} ${does}`, near: undefined, known: ofProcess, sighting }
  }

  #rowsOf(host: string): readonly Row[] {
    const keys = keysOf(host)
    const [own = host] = keys
    return keys.flatMap(key => (this.#byHost.get(key) ?? []).filter(row => key === own || matchesHost(row, host)))
  }
}
