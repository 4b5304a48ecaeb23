import { type OctetPath, shownPath } from './plain-file.ts'
import type { Telling } from './telling.ts'

/** Files that may not be read: the first of them at once, the others together at the end. */
export class UnreadFiles {
  readonly #telling: Telling
  /** What the first sentence named, and what came later: each once, however often it is taken away and given back. */
  #first: ReadonlySet<OctetPath> = new Set()
  readonly #more = new Set<OctetPath>()

  constructor(telling: Telling) {
    this.#telling = telling
  }

  add(paths: ReadonlySet<OctetPath>): void {
    if (paths.size === 0) return
    if (this.#first.size > 0) {
      for (const path of paths) if (!this.#first.has(path)) this.#more.add(path)
      return
    }
    this.#first = paths
    this.#telling.unwatched(
      `the gateway may not read ${named(paths)}: what becomes of it is not seen; make it readable for the gateway's user`,
      true,
    )
  }

  end(): void {
    if (this.#more.size > 0)
      this.#telling.unwatched(`later the gateway could not read ${named(this.#more)} either`, true)
  }
}

function named(paths: ReadonlySet<OctetPath>): string {
  const shown = [...paths].slice(0, 3).map(path => shownPath(path).slice(0, 100))
  return paths.size > 3 ? `${shown.join(', ')} and ${paths.size - 3} files more` : shown.join(', ')
}
