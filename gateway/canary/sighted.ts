import type { Objection } from '../insight/insight.ts'
import type { InsightHost } from '../insight/part.ts'
import type { ProcessInfo } from '../record/event.ts'
import type { Sighting } from './body-scan.ts'
import { placeName } from './values.ts'

/** Where a canary was seen. */
export interface Place {
  /** What a sentence says of it: `in the body of a POST to api.github.com`. */
  readonly where: string
  readonly host?: string
  readonly port?: number
  readonly flow?: string
  readonly process?: ProcessInfo | undefined
}

/** Different sightings that are told; a job that prints its environment in a loop says nothing new after that. */
const maxTold = 200

/** Tells of canaries that were seen, each in each place once, and in block mode closes the job's network. */
export class Sighted {
  readonly #host: InsightHost
  readonly #told = new Set<string>()
  /** Closed once: nothing opens it again. */
  #isClosed = false

  constructor(host: InsightHost) {
    this.#host = host
  }

  /** Tells of one; what comes back refuses the flow that it was seen in. */
  tell(sighting: Sighting, place: Place): Objection {
    const { canary } = sighting
    const name = placeName(canary.place)
    const { where, ...facts } = place
    const key = `${name}\n${canary.form}\n${where}`
    const isBlocking = this.#host.policy().mode === 'block'
    if (!this.#told.has(key) && this.#told.size < maxTold) {
      this.#told.add(key)
      this.#host.alarm({ kind: 'canary', subject: name, note: noteOf(sighting, where, isBlocking), ...facts })
    }
    if (isBlocking && !this.#isClosed) {
      this.#isClosed = true
      // Not at once: what is open is cut by it, and the exchange that this is said of is still being read.
      queueMicrotask(() => this.#host.closeNetwork())
    }
    return { reason: 'denied-by-rule', rule: `canaries ${name}` }
  }
}

function noteOf({ canary, encoding, packed }: Sighting, where: string, isBlocking: boolean): string {
  const how = [...(encoding === 'as it is' ? [] : [encoding]), ...(packed ? ['packed'] : [])].join(', ')
  const from = 'variable' in canary.place ? `the variable ${canary.place.variable}` : `~/${canary.place.file}`
  const closed = isBlocking ? ' The job has no network any more.' : ''
  return (
    `The planted ${canary.form} of ${from} was ${where}${how === '' ? '' : ` (${how})`}: something in this job gathers ` +
    `credentials.${closed} Find the process, and replace every real credential that the job could read.`
  )
}
