import type { Answer, AnswerRecord } from './message.ts'
import { recordData, type RecordValue } from './record-data.ts'

/** How a name misbehaves. `truncated` cuts every answer over UDP; `garbage` answers bytes that are no message. */
export type DnsFailure = 'SERVFAIL' | 'REFUSED' | 'NXDOMAIN' | 'FORMERR' | 'timeout' | 'garbage' | 'truncated'

/** What to do with a query. */
export type ZoneStep =
  | { readonly do: 'answer'; readonly answer: Answer; readonly truncate: boolean; readonly delayMs: number }
  | { readonly do: 'ignore' }
  | { readonly do: 'garbage' }

interface RecordSet {
  readonly ttl: number
  /** One list for each answer in turn; the last one stays. */
  readonly turns: (readonly RecordValue[])[]
}

/** How many links of a CNAME chain are followed. */
const maxChain = 16

/** All names of the lab: what they say and how they misbehave. Names are compared without case; `*.` stands for one or more labels. */
export class Zone {
  readonly #names = new Map<string, Map<string, RecordSet>>()
  readonly #failures = new Map<string, DnsFailure>()
  readonly #delays = new Map<string, number>()
  /** What an unknown name says; `undefined`: it does not exist. */
  readonly #otherwise: ((name: string, type: string) => readonly RecordValue[]) | undefined

  constructor(otherwise?: (name: string, type: string) => readonly RecordValue[]) {
    this.#otherwise = otherwise
  }

  /** Replaces the records of one type; each of `turns` is one answer, given in turn, the last one for ever. @throws Error when a value is none. */
  set(name: string, type: string, turns: readonly (readonly RecordValue[])[], ttl: number): void {
    for (const value of turns.flat()) recordData(type, value)
    const key = canonical(name)
    const types = this.#names.get(key) ?? new Map<string, RecordSet>()
    types.set(type, { ttl, turns: [...turns] })
    this.#names.set(key, types)
  }

  /** Removes a name, or one type of it. */
  remove(name: string, type?: string): void {
    if (type === undefined) this.#names.delete(canonical(name))
    else this.#names.get(canonical(name))?.delete(type)
  }

  /** Makes a name misbehave; `undefined` heals it. */
  fail(name: string, failure: DnsFailure | undefined): void {
    if (failure === undefined) this.#failures.delete(canonical(name))
    else this.#failures.set(canonical(name), failure)
  }

  /** Makes the answers for a name late. */
  delay(name: string, delayMs: number): void {
    this.#delays.set(canonical(name), delayMs)
  }

  /** What a query gets. */
  ask(name: string, type: string): ZoneStep {
    const failure = lookup(this.#failures, canonical(name))
    const delayMs = lookup(this.#delays, canonical(name)) ?? 0
    if (failure === 'timeout') return { do: 'ignore' }
    if (failure === 'garbage') return { do: 'garbage' }
    if (failure !== undefined && failure !== 'truncated')
      return { do: 'answer', answer: { rcode: failure, answers: [], authority: [] }, truncate: false, delayMs }
    return { do: 'answer', answer: this.#resolve(name, type), truncate: failure === 'truncated', delayMs }
  }

  #resolve(asked: string, type: string): Answer {
    const answers: AnswerRecord[] = []
    let name = asked
    for (let links = 0; links < maxChain; links += 1) {
      const types = lookup(this.#names, canonical(name))
      if (types === undefined && this.#otherwise === undefined)
        return { rcode: 'NXDOMAIN', answers, authority: [authorityOf(name)] }
      const found = types?.get(type)
      const values =
        found === undefined ? (types === undefined ? (this.#otherwise?.(name, type) ?? []) : []) : turn(found)
      if (values.length > 0) {
        answers.push(...values.map(value => ({ name, type, ttl: found?.ttl ?? 60, data: recordData(type, value) })))
        return { rcode: 'NOERROR', answers, authority: [] }
      }
      const alias = types?.get('CNAME')
      const target = alias === undefined ? undefined : turn(alias)[0]
      if (alias === undefined || typeof target !== 'string')
        return { rcode: 'NOERROR', answers, authority: [authorityOf(name)] }
      answers.push({ name, type: 'CNAME', ttl: alias.ttl, data: recordData('CNAME', target) })
      name = target
    }
    return { rcode: 'SERVFAIL', answers: [], authority: [] }
  }
}

function turn(set: RecordSet): readonly RecordValue[] {
  return (set.turns.length > 1 ? set.turns.shift() : set.turns[0]) ?? []
}

/** The entry of the name itself, else of the closest wildcard above it. */
function lookup<T>(map: ReadonlyMap<string, T>, name: string): T | undefined {
  const exact = map.get(name)
  if (exact !== undefined) return exact
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const wild = map.get(`*${name.slice(dot)}`)
    if (wild !== undefined) return wild
  }
  return undefined
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

function authorityOf(name: string): AnswerRecord {
  const zone = canonical(name).split('.').slice(-2).join('.')
  return {
    name: zone,
    type: 'SOA',
    ttl: 60,
    data: recordData('SOA', 'ns.lab.test hostmaster.lab.test 1 3600 600 86400 60'),
  }
}
