import type { Pattern } from './encodings.ts'
import type { Matcher } from './matcher.ts'

/** Zones whose questions are put together, and places in a name that are: who asks of more loses the oldest. */
const maxZones = 256
const maxPlaces = 4

interface Zone {
  /** The name asked last: the same is asked again for every record type. */
  last: string
  /** Of each label from the left, what the questions said there in a row. */
  readonly places: string[]
}

/**
 * Looks for canaries in the names a job asks for: in one name with its dots taken out, and in what the names below one
 * domain say one after another, label by label, as data is carried out in pieces.
 */
export class NameScan {
  readonly #matcher: Matcher
  readonly #zones = new Map<string, Zone>()

  constructor(matcher: Matcher) {
    this.#matcher = matcher
  }

  /** Tells each pattern in a name (lower case). Told of the same name twice in a row, it does not take it for more data. */
  look(name: string, found: (pattern: Pattern) => void): void {
    const labels = name.toLowerCase().split('.')
    this.#find(labels.join(''), found)
    if (labels.length > 2) this.#continue(labels, name, found)
  }

  #continue(labels: readonly string[], name: string, found: (pattern: Pattern) => void): void {
    const key = labels.slice(-2).join('.')
    const zone = this.#zones.get(key) ?? { last: '', places: [] }
    // The one used last is the last to go.
    this.#zones.delete(key)
    this.#zones.set(key, zone)
    const [oldest] = this.#zones.keys()
    if (this.#zones.size > maxZones && oldest !== undefined) this.#zones.delete(oldest)
    if (zone.last === name) return
    zone.last = name
    labels
      .slice(0, -2)
      .slice(0, maxPlaces)
      .forEach((label, place) => {
        const said = `${zone.places[place] ?? ''}${label}`
        let isFound = false
        this.#find(said, pattern => {
          isFound = true
          found(pattern)
        })
        // What was found is not to be found again in the next question.
        zone.places[place] = isFound ? '' : said.slice(-(this.#matcher.longest - 1))
      })
  }

  #find(text: string, found: (pattern: Pattern) => void): void {
    if (text.length >= this.#matcher.shortest) this.#matcher.find(Buffer.from(text, 'latin1'), found)
  }
}
