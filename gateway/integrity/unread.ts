import { type OctetPath, shownPath } from './plain-file.ts'
import type { Telling } from './telling.ts'

/** Files that may not be read: the first of them at once, the others together at the end. */
export class UnreadFiles {
  readonly #telling: Telling
  readonly #more: OctetPath[] = []
  #isTold = false

  constructor(telling: Telling) {
    this.#telling = telling
  }

  add(paths: readonly OctetPath[]): void {
    if (paths.length === 0) return
    if (this.#isTold) {
      for (const path of paths) this.#more.push(path)
      return
    }
    this.#isTold = true
    this.#telling.unwatched(
      `the gateway may not read ${named(paths)}: what becomes of it is not seen; make it readable for the gateway's user`,
      true,
    )
  }

  end(): void {
    if (this.#more.length > 0)
      this.#telling.unwatched(`later the gateway could not read ${named(this.#more)} either`, true)
  }
}

function named(paths: readonly OctetPath[]): string {
  const shown = paths.slice(0, 3).map(path => shownPath(path).slice(0, 100))
  return paths.length > 3 ? `${shown.join(', ')} and ${paths.length - 3} files more` : shown.join(', ')
}
