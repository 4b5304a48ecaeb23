import { basename } from 'node:path'
import type { FileEvent, ProcessInfo } from '../record/event.ts'
import { clipped } from './clipped.ts'
import type { Told } from './messages.ts'
import { type OctetPath, shownPath } from './plain-file.ts'

/** A finding, before it is put into words. */
export interface Observed {
  readonly event: FileEvent
  readonly path: OctetPath
  readonly before: string | undefined
  readonly after: string | undefined
  readonly process: ProcessInfo | undefined
  /** The commit it is compared with. */
  readonly commit: string | undefined
  /** When we saw it. */
  readonly at: 'baseline' | 'live' | 'end'
  /** Only listed: no alarm. */
  readonly isQuiet?: boolean
}

/**
 * Lines and alarms of a job; what is more is counted. New files, of which a build may make any number, have lines of their
 * own, and so has the first change of each file: no flood of the others can keep it out of the log.
 */
const bounds = { added: 500, first: 10_000, further: 1_000, furtherOfPath: 19, alarms: 100, unwatched: 50 } as const

/** Tells findings, each in one line and one sentence, within bounds that no job can break. */
export class Telling {
  readonly #tell: (told: Told) => void
  readonly #further = new Map<OctetPath, number>()
  #counts = { added: 0, first: 0, further: 0 }
  #alarms = 0
  #untold = 0
  #unwatched = 0
  #wasBlind = false

  constructor(tell: (told: Told) => void) {
    this.#tell = tell
  }

  finding(observed: Observed): void {
    const { event, path, before, after, process, isQuiet = false } = observed
    if (!this.#hasLine(event, path)) {
      this.#untold += 1
      return
    }
    const isAlarm = !isQuiet && this.#alarms < bounds.alarms
    if (isAlarm) this.#alarms += 1
    const alarm = isAlarm ? sentenceOf(observed) : undefined
    this.#tell({ tell: 'finding', event, path: shownPath(path), before, after, process, alarm })
  }

  #hasLine(event: FileEvent, path: OctetPath): boolean {
    const further = this.#further.get(path)
    const kind = event === 'added-in-source' ? 'added' : further === undefined ? 'first' : 'further'
    if (this.#counts[kind] >= bounds[kind] || (further ?? 0) >= bounds.furtherOfPath) return false
    this.#counts[kind] += 1
    if (kind !== 'added') this.#further.set(path, further === undefined ? 0 : further + 1)
    return true
  }

  /** `isBlind`: of some sources nothing can be said. Its first is told however many others were. */
  unwatched(note: string, isBlind = false): void {
    const isFirstBlind = isBlind && !this.#wasBlind
    this.#unwatched += 1
    this.#wasBlind ||= isBlind
    if (this.#unwatched < bounds.unwatched || isFirstBlind) this.#alarm(note, isBlind)
    else if (this.#unwatched === bounds.unwatched)
      this.#alarm('more of the sources could not be watched than can be told', isBlind)
  }

  #alarm(note: string, isBlind: boolean): void {
    this.#tell({ tell: 'alarm', kind: 'unwatched', note, isBlind })
  }

  /** The kernel gives no more watches. */
  short(): void {
    this.unwatched(
      "some folders cannot be watched (fs.inotify.max_user_watches of the gateway's user): a change put back there is not seen; raise it",
    )
  }

  /** The kernel's queue of notices was too short, so many times. */
  lost(times: number): void {
    this.#alarm(
      `more files changed than the kernel could tell us of (${times} times): which process it was may be missing, and what was put back at once may be; the files were compared again`,
      false,
    )
  }

  /** At the end: what was too much. `wrong`: tracked files that are not what their commit says. */
  end(wrong: number): void {
    if (this.#untold === 0) return
    this.#alarm(
      `${this.#untold} more changes were seen than the log has lines for; at the end ${wrong} source files are not what their commit says`,
      false,
    )
  }
}

const verbs: Readonly<Record<FileEvent, string>> = {
  overwritten: 'was overwritten',
  restored: 'was put back after it had held something else',
  deleted: 'was deleted',
  'added-in-source': 'was added among the sources',
  'hook-changed': 'is run by git itself, and was changed',
  'tool-changed': 'is a tool that the build runs, and was changed',
}

function sentenceOf({ event, path, process, commit, at }: Observed): string {
  const name = clipped(shownPath(path))
  const than = commit === undefined ? 'its commit' : `commit ${commit.slice(0, 12)}`
  if (at === 'baseline' && event === 'deleted')
    return `${name} of ${than} was not there when the baseline was taken: look at what ran before`
  if (at === 'baseline' && event === 'overwritten')
    return `${name} was not what ${than} holds when the baseline was taken: look at what ran before`
  const by = `${name} ${verbs[event]} by ${who(process)}${at === 'end' ? ', found at the end' : ''}`
  if (event === 'hook-changed' || event === 'tool-changed') return `${by}: look at what it does, and at who wrote it`
  return `${by}; the source is ${than}: an output belongs under integrity.allow`
}

/** A process with where it came from, as a person would say it. */
function who(process: ProcessInfo | undefined): string {
  if (process === undefined) return 'a process that nobody saw'
  const [parent] = process.parents
  const from = parent === undefined ? '' : `, started by ${basename(parent)}`
  return `${clipped(basename(process.exe))} (pid ${process.pid}${from})`
}
