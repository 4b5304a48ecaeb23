import type { FileEvent, ProcessInfo } from '../record/event.ts'
import { blobAt, type InPieces } from './content.ts'
import type { Repository } from './git/repository.ts'
import type { HookWatch } from './hooks.ts'
import type { OctetPath } from './plain-file.ts'
import type { Difference } from './snapshot.ts'
import type { Telling } from './telling.ts'
import { isInstaller, type ToolWatch } from './tools.ts'
import type { Notice } from './watching.ts'

const mostWriters = 4_096
/** What is hashed at one look, in bytes: while that goes on no notices are read. And what is, of one new file, in pieces. */
const most = { live: 16 * 1_048_576, last: 64 * 1_048_576, added: 64 * 1_048_576 } as const

/** What is no source and can change a build all the same: hooks of git, and tools. */
export class Surroundings {
  readonly #workspace: OctetPath
  readonly #hooks: HookWatch
  readonly #tools: ToolWatch
  readonly #telling: Telling
  /** Who touched what since we looked last. */
  readonly #writers = new Map<OctetPath, ProcessInfo>()

  constructor(workspace: OctetPath, hooks: HookWatch, tools: ToolWatch, telling: Telling) {
    this.#workspace = workspace
    this.#hooks = hooks
    this.#tools = tools
    this.#telling = telling
  }

  adopt(repositories: readonly Repository[]): void {
    this.#hooks.adopt(repositories)
  }

  notice({ path, process }: Notice): void {
    const isHere = this.#tools.notice(path) || this.#hooks.isHere(path)
    if (isHere && process !== undefined && this.#writers.size < mostWriters) this.#writers.set(path, process)
  }

  /** Tells what changed. `isLast`: all tools once more, those too of which no notice came. */
  look(isLast: boolean): void {
    const budget = { bytes: isLast ? most.last : most.live }
    for (const difference of this.#hooks.changes(budget)) this.#tell('hook-changed', difference, false)
    for (const difference of this.#tools.changes(isLast, budget)) {
      const by = this.#writers.get(difference.path)
      // Of an installer's work nothing is to be said; of nobody's, nobody can be accused.
      if (by !== undefined && isInstaller(by)) continue
      this.#tell('tool-changed', difference, by === undefined)
    }
    this.#writers.clear()
  }

  /** Of a file of the workspace; undefined of a very large one too. */
  blobOf(path: OctetPath): InPieces<string | undefined> {
    return blobAt(`${this.#workspace}/${path}`, 'sha1', { bytes: most.added })
  }

  #tell(event: FileEvent, { path, before, after }: Difference, isQuiet: boolean): void {
    const isInside = path.startsWith(`${this.#workspace}/`)
    const shown = isInside ? path.slice(this.#workspace.length + 1) : path
    const process = this.#writers.get(path)
    this.#telling.finding({ event, path: shown, before, after, process, commit: undefined, at: 'live', isQuiet })
  }
}
