import { lstatSync, readdirSync } from 'node:fs'
import { fileFault, GatewayError } from '../errors.ts'
import { clipped } from './clipped.ts'
import { findRepository, headCommit, type Repository } from './git/repository.ts'
import { namesIn, octets, type OctetPath, shownPath } from './plain-file.ts'

/** One repository of the workspace, as it was last seen. */
interface Seen {
  readonly repository: Repository
  head: string | undefined
  /** Since when HEAD and index are as they are, in milliseconds. */
  settledAt: number
  index: string
  /** The commit that was taken as baseline. */
  adopted: string | undefined
  /** It could not be read. */
  isUnread: boolean
}

/** A repository whose checkout is done, and is not the baseline yet. */
export interface Settled {
  /** Relative to the workspace; '' when it is the workspace. */
  readonly prefix: OctetPath
  readonly repository: Repository
  readonly was: string | undefined
}

/** git is done when nothing of it has changed for so long, in milliseconds. */
const settleMs = 300
const mostChildren = 4_096
const mostRepositories = 16
/** The job words them as it likes. */
const mostTroubles = 64
const longestTrouble = 512

/**
 * The repositories of a workspace: the workspace itself, or else those right in it. Tells when git has finished with one,
 * by its HEAD, its index and the lock that it holds while it writes. A lock that nobody takes away only delays us.
 */
export class Repositories {
  readonly #workspace: OctetPath
  readonly #now: () => number
  readonly #seen = new Map<OctetPath, Seen>()
  readonly #told = new Set<string>()
  #trouble: string | undefined
  readonly #onTrouble: (text: string) => void

  constructor(workspace: OctetPath, now: () => number, onTrouble: (text: string) => void) {
    this.#workspace = workspace
    this.#now = now
    this.#onTrouble = onTrouble
  }

  /** Looks again. Answers with those that are settled and have another commit than their baseline's. */
  look(isAtOnce = false): readonly Settled[] {
    for (const prefix of this.#places()) this.#lookAt(prefix)
    return [...this.#seen].flatMap(([prefix, seen]) => {
      const { repository, head, adopted, isUnread } = seen
      if (head === undefined || (head === adopted && !(isUnread && isAtOnce))) return []
      if (!isAtOnce && this.#isBusy(seen)) return []
      return [{ prefix, repository, was: adopted }]
    })
  }

  /** Why nothing of the workspace was compared, in a sentence; undefined where that was said. */
  whyNone(): string | undefined {
    if ([...this.#seen.values()].some(({ isUnread }) => isUnread)) return undefined
    const workspace = shownPath(this.#workspace)
    const why = faultOf(this.#workspace) ?? this.#trouble ?? 'no git repository with a commit was found in it'
    return `nothing of the workspace ${workspace} was compared: ${why}`
  }

  /** Is git at work in the repository that a path belongs to? */
  isBusyAt(path: OctetPath): boolean {
    return [...this.#seen].some(
      ([prefix, seen]) => isIn(prefix, path) && (this.#isBusy(seen) || seen.head !== seen.adopted),
    )
  }

  adopted(prefix: OctetPath, commit: string): void {
    const seen = this.#seen.get(prefix)
    if (seen === undefined) return
    seen.adopted = commit
    seen.isUnread = false
  }

  /** What HEAD names now could not be read: it is tried again when somebody asks, and with the next commit. */
  unread(prefix: OctetPath): void {
    const seen = this.#seen.get(prefix)
    if (seen === undefined) return
    seen.adopted = seen.head
    seen.isUnread = true
  }

  /** The commit that a path is compared with. */
  commitOf(path: OctetPath): string | undefined {
    const seen = [...this.#seen].find(([prefix]) => isIn(prefix, path))?.[1]
    return seen?.isUnread === true ? undefined : seen?.adopted
  }

  #isBusy({ repository, settledAt }: Seen): boolean {
    return this.#now() - settledAt < settleMs || exists(`${repository.gitDir}/index.lock`)
  }

  #lookAt(prefix: OctetPath): void {
    try {
      const repository = findRepository(prefix === '' ? this.#workspace : `${this.#workspace}/${prefix}`)
      const known = this.#seen.get(prefix)
      if (repository === undefined) {
        if (known !== undefined) known.head = known.adopted
        return
      }
      const head = headCommit(repository)
      const index = timesOf(`${repository.gitDir}/index`)
      if (known === undefined) {
        if (this.#seen.size < mostRepositories)
          this.#seen.set(prefix, {
            repository,
            head,
            index,
            settledAt: this.#now(),
            adopted: undefined,
            isUnread: false,
          })
        return
      }
      if (known.head !== head || known.index !== index) known.settledAt = this.#now()
      known.head = head
      known.index = index
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      this.#trouble = clipped(cause.message, longestTrouble)
      if (this.#told.size >= mostTroubles || this.#told.has(this.#trouble)) return
      this.#told.add(this.#trouble)
      this.#onTrouble(this.#trouble)
    }
  }

  #places(): readonly OctetPath[] {
    if (this.#seen.has('') || exists(`${this.#workspace}/.git`)) return ['']
    return [...new Set([...this.#seen.keys(), ...this.#children()])]
  }

  #children(): readonly OctetPath[] {
    // The workspace may not be there yet.
    const names = namesIn(this.#workspace) ?? []
    return names.slice(0, mostChildren).filter(name => exists(`${this.#workspace}/${name}/.git`))
  }
}

function isIn(prefix: OctetPath, path: OctetPath): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`)
}

/** Why a folder cannot be read. */
function faultOf(folder: OctetPath): string | undefined {
  try {
    readdirSync(octets(folder))
    return undefined
  } catch (cause) {
    return fileFault(cause)
  }
}

function exists(path: OctetPath): boolean {
  return timesOf(path) !== ''
}

function timesOf(path: OctetPath): string {
  try {
    const { mtimeMs, ino, size } = lstatSync(octets(path))
    return `${mtimeMs} ${ino} ${size}`
  } catch {
    return ''
  }
}
