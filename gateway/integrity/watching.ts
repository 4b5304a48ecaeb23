import { watch, type FSWatcher } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { openFanotify, type Fanotify, type FileNotice } from '../packet/fanotify.ts'
import type { ProcessInfo } from '../record/event.ts'
import { octets, type OctetPath } from './plain-file.ts'
import { type LookAtProcess, lookInNamespace, lookInProcfs, Writers } from './writers.ts'

/** Something happened at a path. */
export interface Notice {
  /** Absolute. */
  readonly path: OctetPath
  readonly isFolder: boolean
  /** It may not be over: whoever writes has not closed yet, or we cannot know. */
  readonly isGoingOn: boolean
  /** Something is there that was not, or is not any more. */
  readonly isEntry: boolean
  readonly process: ProcessInfo | undefined
  /** Tells writers apart, also those that nobody knows by name. */
  readonly writer: number | undefined
}

/** What is told in one go; `isOverflow`: some of it was lost. */
export interface Notices {
  readonly all: readonly Notice[]
  readonly isOverflow: boolean
  /** Once: the kernel gives no more watches, so of some folders nothing is told. */
  readonly isShort?: boolean
}

/** Tells what happens to folders and files. Nothing of it throws for what is not there. */
export interface Watching extends AsyncDisposable {
  /** True when it says who did it. */
  readonly namesProcesses: boolean
  /** What comes and goes there; with `writes` what is written to as well. */
  watchFolder(path: OctetPath, writes: boolean): void
  watchFile(path: OctetPath): void
  /** What happened, at once if there is something, else after `waitMs` at the most. */
  next(waitMs: number): Promise<Notices>
  /** Waiting longer would keep others waiting, in milliseconds. */
  readonly longestWaitMs: number
  /** Ends a wait, where that can be done: somebody asks for something else. */
  wake(): void
}

/** By what the processes of a job are known: its procfs, or its network namespace in ours. */
export interface Processes {
  readonly procRoot: string | undefined
  readonly netns: string | undefined
}

/** Opens the best there is: with processes where we may, else without. `warn` is told what is missing. */
export function openWatching(processes: Processes, warn: (text: string) => void): Watching {
  const opened = openFanotify()
  if ('errno' in opened) {
    warn(`who changes a source file cannot be seen (fanotify: ${opened.errno}); that it changes can`)
    return openFolderWatching()
  }
  return new KernelWatching(opened, new Writers(lookFor(processes)))
}

/** That which needs no capability, and names nobody. */
export function openFolderWatching(): Watching {
  return new FolderWatching()
}

function lookFor({ procRoot, netns }: Processes): LookAtProcess {
  if (procRoot !== undefined) return lookInProcfs(procRoot)
  return netns === undefined ? () => undefined : lookInNamespace(netns)
}

class KernelWatching implements Watching {
  readonly namesProcesses = true
  /** It blocks the thread: so long a question of the gateway waits. */
  readonly longestWaitMs = 20
  readonly #kernel: Fanotify
  readonly #writers: Writers
  readonly #folders = new Map<string, OctetPath>()
  readonly #files = new Map<string, OctetPath>()

  constructor(kernel: Fanotify, writers: Writers) {
    this.#kernel = kernel
    this.#writers = writers
  }

  watchFolder(path: OctetPath, writes: boolean): void {
    const handle = this.#kernel.watchFolder(octets(path), writes)
    if (handle !== undefined) this.#folders.set(handle, path)
  }

  watchFile(path: OctetPath): void {
    const handle = this.#kernel.watchFile(octets(path))
    if (handle !== undefined) this.#files.set(handle, path)
  }

  async next(waitMs: number): Promise<Notices> {
    const told = this.#kernel.read(waitMs)
    const processes = new Map<number, ProcessInfo | undefined>()
    const all = told.flatMap((notice): readonly Notice[] => {
      const paths = this.#pathsOf(notice)
      if (paths.length === 0) return []
      const { pid } = notice
      if (!processes.has(pid)) processes.set(pid, this.#writers.find(pid))
      const isEntry = notice.hasAppeared || notice.hasGone
      const { isFolder } = notice
      const isGoingOn = !isEntry && !notice.isClosed
      const process = processes.get(pid)
      return paths.map(path => ({ path, isFolder, isGoingOn, isEntry, process, writer: pid }))
    })
    return { all, isOverflow: told.some(({ isOverflow }) => isOverflow) }
  }

  wake(): void {
    // Nothing but the kernel ends it.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kernel[Symbol.dispose]()
  }

  /** By its folder and name; and a file that was written to by another name, by its own. */
  #pathsOf({ folder, name, file, isWritten, isClosed }: FileNotice): readonly OctetPath[] {
    const known = folder === undefined ? undefined : this.#folders.get(folder)
    const reached = known === undefined || name === undefined || name === '.' ? known : `${known}/${name}`
    const own = file === undefined || !(isWritten || isClosed) ? undefined : this.#files.get(file)
    // Of many thousands a second nearly all have one.
    if (own === undefined || own === reached) return reached === undefined ? [] : [reached]
    return reached === undefined ? [own] : [reached, own]
  }
}

/** Notices kept while nobody asks. */
const mostKept = 16_384
/** A folder in a machine's limit of watches each. */
const mostFolders = 50_000

/** By inotify, which says neither who nor when he is done. */
class FolderWatching implements Watching {
  readonly namesProcesses = false
  /** A gateway has such a thread for each of many jobs. */
  readonly longestWaitMs = 100
  readonly #watchers = new Map<OctetPath, FSWatcher>()
  #kept: Notice[] = []
  #isOverflow = false
  #isShort = false
  #wasShort = false
  #woken: AbortController | undefined

  watchFolder(path: OctetPath): void {
    if (!this.#watchers.has(path) && this.#watchers.size >= mostFolders) return void (this.#isShort = true)
    this.#watchers.get(path)?.close()
    try {
      const watcher = watch(octets(path), { encoding: 'latin1' }, (kind, name) => {
        const isEntry = kind === 'rename'
        const at = name === null ? path : `${path}/${name}`
        this.#keep({ path: at, isFolder: false, isGoingOn: true, isEntry, process: undefined, writer: undefined })
      })
      watcher.on('error', () => this.#lost(path))
      this.#watchers.set(path, watcher)
    } catch (cause) {
      // Nothing is there, or no more watches can be had: both are for the one who looks at the files again and again.
      if (isShortage(cause)) this.#isShort = true
      this.#lost(path)
    }
  }

  wake(): void {
    this.#woken?.abort()
  }

  watchFile(): void {
    // By another name it is not seen: the comparison at the end does.
  }

  async next(waitMs: number): Promise<Notices> {
    // One turn of the loop reads all that the kernel has.
    if (waitMs === 0) await nextTurn()
    else if (this.#kept.length === 0) {
      this.#woken = new AbortController()
      // Something happened before the time was over: that ends the wait, and is no fault.
      await wait(waitMs, undefined, { signal: this.#woken.signal }).catch(() => undefined)
      this.#woken = undefined
    }
    const isShort = this.#isShort && !this.#wasShort
    this.#wasShort ||= isShort
    const notices = { all: this.#kept, isOverflow: this.#isOverflow, isShort }
    this.#kept = []
    this.#isOverflow = false
    return notices
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers.values()) watcher.close()
  }

  #keep(notice: Notice): void {
    if (this.#kept.length < mostKept) this.#kept.push(notice)
    else this.#isOverflow = true
    this.wake()
  }

  #lost(path: OctetPath): void {
    this.#watchers.get(path)?.close()
    this.#watchers.delete(path)
  }
}

/** The limits of fs.inotify are those of a user, so of all jobs of a gateway. */
function isShortage(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ENOSPC' || code === 'EMFILE' || code === 'ENFILE'
}
