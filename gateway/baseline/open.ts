import { GatewayError } from '../errors.ts'
import type {
  Insight,
  Objection,
  RequestLook,
  SeenAsker,
  SeenConnection,
  SeenQuestion,
  SeenRequest,
} from '../insight/insight.ts'
import type { InsightHost, InsightPart } from '../insight/part.ts'
import { parseAddress } from '../net/address.ts'
import type { ProcessInfo } from '../record/event.ts'
import { type Anomaly, Expected } from './compare.ts'
import { normaliseExecutable } from './executable.ts'
import { type Deed, defaultLockFile, isStable, type Lock, type Sighting } from './lock.ts'
import { settledText } from './render.ts'
import { askingFor, deedOf } from './sighting.ts'
import { anomalyText } from './words.ts'

/** What a run is held to. */
export interface Baseline {
  readonly lock: Lock
  /** The file's name, as it was given. */
  readonly file: string
  /** What is not in the lock is refused, whatever the policy says of anomalies. */
  readonly frozen: boolean
}

/** Anomalies of one run that are told one by one. */
const mostTold = 200
/** Names that were asked for and not yet reached. */
const mostAsked = 256

/**
 * Compares what a job does with its baseline. What is new is told once a run; with `anomalies: deny` or `--frozen` it is
 * refused as well. Without a baseline there is nothing to look at.
 * @throws GatewayError LOCK_INVALID when anomalies are to be refused and nothing says what is none
 */
export async function openBaseline(host: InsightHost, baseline: Baseline | undefined): Promise<InsightPart> {
  const nothing: InsightPart = { async [Symbol.asyncDispose]() {} }
  const { insight, mode } = host.policy()
  const isStrict = baseline?.frozen === true || (insight.anomalies === 'deny' && mode === 'block')
  const known = baseline?.lock.jobs.get(host.job)
  if (baseline !== undefined && known !== undefined) {
    if (isStrict && !isStable(known, baseline.lock)) {
      host.onWarning(
        `what ${baseline.file} does not know is refused, and the job ${host.job} is ${settledText(known, baseline.lock)}`,
      )
    }
    return new Watch(host, baseline)
  }
  const lack =
    baseline === undefined
      ? 'the policy says what is to become of anomalies, and there is no baseline (run --lock FILE; of serve: `lock` of the job in its configuration)'
      : `the baseline ${baseline.file} does not know the job ${host.job}: add a run of it (tidegate lock update LOG), or give its name (run --job)`
  if (isStrict) throw new GatewayError('LOCK_INVALID', `${lack}; so nothing could be let through`)
  host.onWarning(`${lack}; so nothing is compared`)
  return nothing
}

class Watch implements InsightPart {
  readonly insight: Insight = {
    question: question => this.#question(question),
    asker: asker => this.#asker(asker),
    connection: connection => this.#connection(connection),
    request: request => this.#request(request),
  }
  readonly #host: InsightHost
  readonly #baseline: Baseline
  readonly #expected: Expected
  readonly #told = new Set<string>()
  readonly #toldHosts = new Set<string>()
  /** Sightings by a program that is known, and by one that is not. */
  readonly #programs = { known: 0, unknown: 0 }
  /** Unknown names that were looked up: told with whoever goes there, or at the end if nobody does. */
  readonly #asked = new Map<string, Asked>()

  constructor(host: InsightHost, baseline: Baseline) {
    this.#host = host
    this.#baseline = baseline
    this.#expected = new Expected(baseline.lock, host.job)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { anomaly, source } of this.#asked.values()) this.#tell(anomaly, source)
    this.#tellBlindness()
  }

  /** Where no program at all could be seen, none was compared: nobody is to think that it was. */
  #tellBlindness(): void {
    const { known, unknown } = this.#programs
    if (known > 0 || unknown === 0 || !this.#expected.knowsPrograms) return
    const note = `compared with ${this.#baseline.file} without the programs, as the gateway sees none of this job's processes: a known host that another program uses is not told`
    this.#host.write({ layer: 'job', event: 'checkpoint', details: { note: note.slice(0, 512) } })
    this.#host.onWarning(note)
  }

  #question({ name, verdict }: SeenQuestion): Objection | undefined {
    const asking = verdict === 'deny' ? undefined : askingFor(name)
    const anomaly = asking === undefined ? undefined : this.#expected.anomalyOf(asking)
    if (anomaly === undefined) return undefined
    const { host } = anomaly.sighting
    if (this.#toldHosts.has(host)) return this.#objectionTo(anomaly)
    if (this.#asked.has(host) || this.#asked.size < mostAsked) this.#asked.set(host, { anomaly, source: {} })
    else this.#tell(anomaly)
    return this.#objectionTo(anomaly)
  }

  /** Where the question is refused nobody goes there: it is told now. Else who goes there is the better story. */
  #asker({ name, flow, process }: SeenAsker): void {
    const asked = this.#asked.get(askingFor(name)?.host ?? name)
    if (asked === undefined) return
    const source = { flow, process }
    if (this.#denies && this.#host.policy().mode === 'block') {
      this.#asked.delete(asked.anomaly.sighting.host)
      this.#tell(asked.anomaly, source)
    } else {
      this.#asked.set(asked.anomaly.sighting.host, { ...asked, source })
    }
  }

  #connection({ transport, host, port, flow, process }: SeenConnection): Objection | undefined {
    const sighting = sightingAt(transport === 'udp' ? 'udp' : 'tcp', { host, port, process }, 'connect')
    return this.#look(sighting, { flow, process })
  }

  #request({ scheme, host, port, method, path, flow, process, verdict }: SeenRequest): RequestLook | undefined {
    if (verdict === 'deny') return undefined
    const deed = deedOf(method, path, scheme === 'wss' || scheme === 'ws')
    const objection = this.#look(sightingAt('tcp', { host, port, process }, deed), { flow, process })
    return objection === undefined ? undefined : { objection }
  }

  #look(sighting: Sighting, source: Source): Objection | undefined {
    this.#programs[sighting.by === undefined ? 'unknown' : 'known'] += 1
    const anomaly = this.#expected.anomalyOf(sighting)
    if (anomaly === undefined) return undefined
    this.#asked.delete(sighting.host)
    this.#tell(anomaly, source)
    return this.#objectionTo(anomaly)
  }

  /** Nothing but a rule of the operator refuses here: no line under `allow` would help, which `no-rule` would promise. */
  #objectionTo({ kind, sighting }: Anomaly): Objection | undefined {
    if (!this.#denies) return undefined
    const who = this.#baseline.frozen ? 'run --frozen' : 'anomalies: deny'
    return { reason: 'denied-by-rule', rule: `${who} (${kind} ${sighting.host})` }
  }

  get #denies(): boolean {
    return this.#baseline.frozen || this.#host.policy().insight.anomalies === 'deny'
  }

  #tell(anomaly: Anomaly, source: Source = {}): void {
    const { kind, key, sighting } = anomaly
    if (this.#told.has(key) || this.#told.size > mostTold) return
    this.#told.add(key)
    this.#toldHosts.add(sighting.host)
    if (this.#told.size > mostTold) {
      this.#host.alarm({
        kind,
        note: `there is more that is not in ${this.#baseline.file} than is told one by one (${mostTold})`,
      })
      return
    }
    const { host, port } = sighting
    const { file } = this.#baseline
    const remedy = `tidegate lock update LOG${file === defaultLockFile ? '' : ` --lock ${file}`}`
    const note = `${anomalyText(anomaly)}; if it is meant: ${remedy}`
    this.#host.alarm({ kind, note, host, ...(port === undefined ? {} : { port }), ...source })
  }
}

/** A name that was asked for, and by whom, as far as that is known yet. */
interface Asked {
  readonly anomaly: Anomaly
  readonly source: Source
}

interface Source {
  readonly flow?: string
  readonly process?: ProcessInfo | undefined
}

type Place = Pick<SeenConnection, 'host' | 'port' | 'process'>

function sightingAt(transport: 'tcp' | 'udp', { host, port, process }: Place, does: Deed): Sighting {
  const by = process === undefined ? undefined : normaliseExecutable(process.exe)
  return { transport, host: parseAddress(host) ?? host, port, does, by }
}
