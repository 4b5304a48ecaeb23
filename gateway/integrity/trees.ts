import type { SourceTree } from './baseline.ts'
import type { OctetPath } from './plain-file.ts'

/** The source trees of a workspace, by where each begins in it. */
export class Trees {
  readonly #trees = new Map<OctetPath, SourceTree>()

  get isEmpty(): boolean {
    return this.#trees.size === 0
  }

  set(prefix: OctetPath, tree: SourceTree): void {
    this.#trees.set(prefix, tree)
  }

  /** Does a commit of theirs say that this is none of its files? */
  isIgnored(path: OctetPath, isFolder: boolean): boolean {
    for (const [prefix, { ignored }] of this.#trees) {
      if (prefix !== '' && !path.startsWith(`${prefix}/`)) continue
      if (ignored.has(prefix === '' ? path : path.slice(prefix.length + 1), isFolder)) return true
    }
    return false
  }
}
