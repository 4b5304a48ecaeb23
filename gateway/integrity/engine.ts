import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { CheckpointAnswer } from '../control/source-requests.ts'
import { GatewayError } from '../errors.ts'
import { Added, isAmong } from './added.ts'
import { exceptionsOf, readSourceTree, type SourceTree } from './baseline.ts'
import type { Change } from './change.ts'
import { Crowd } from './crowd.ts'
import { GitLfs } from './git-lfs.ts'
import { HeldChanges } from './held-changes.ts'
import { HookWatch } from './hooks.ts'
import { allowedOutputs } from './ignored.ts'
import type { Told, WatchOptions } from './messages.ts'
import { octetPath, shownPath, type OctetPath } from './plain-file.ts'
import { Repositories, type Settled } from './repositories.ts'
import { Sources } from './sources.ts'
import { Surroundings } from './surroundings.ts'
import { Sweep } from './sweep.ts'
import { type Observed, Telling } from './telling.ts'
import { ToolWatch } from './tools.ts'
import { Trees } from './trees.ts'
import { UnreadFiles } from './unread.ts'
import type { Notice, Watching } from './watching.ts'

/** How often repositories, hooks and tools are looked at, in milliseconds. */
const tickMs = 200
/** At the end so many reads empty the kernel's queue, and more come of no job. */
const lastReads = 1_000

/** Watches the sources of one job until it is told to finish. Runs in a thread of its own: it reads many files at once. */
export class Engine {
  readonly #workspace: OctetPath
  readonly #tell: (told: Told) => void
  readonly #watching: Watching
  readonly #now: () => number
  readonly #telling: Telling
  readonly #repositories: Repositories
  readonly #sources: Sources
  readonly #added: Added
  readonly #lfs: GitLfs
  readonly #held: HeldChanges
  readonly #surroundings: Surroundings
  readonly #unread: UnreadFiles
  readonly #crowd = new Crowd()
  readonly #allowed: (path: OctetPath, isFolder: boolean) => boolean
  readonly #declaresOutputs: boolean
  readonly #trees = new Trees()
  readonly #sweep: Sweep
  #tickedAt = -Infinity
  #lost = 0

  constructor(options: WatchOptions, watching: Watching, tell: (told: Told) => void, now = () => performance.now()) {
    this.#workspace = octetPath(options.workspace)
    this.#tell = tell
    this.#watching = watching
    this.#now = now
    this.#telling = new Telling(tell)
    this.#repositories = new Repositories(this.#workspace, now, text => tell({ tell: 'warning', text }))
    this.#sources = new Sources(this.#workspace, watching, now)
    this.#sweep = new Sweep(this.#sources, now)
    this.#added = new Added(this.#workspace, now)
    const toolFolders = options.toolFolders.map(octetPath)
    this.#lfs = new GitLfs(options.procRoot, toolFolders)
    this.#held = new HeldChanges(now, this.#lfs)
    const tools = new ToolWatch(this.#workspace, toolFolders, watching)
    this.#surroundings = new Surroundings(this.#workspace, new HookWatch(watching), tools, this.#telling)
    this.#unread = new UnreadFiles(this.#telling)
    this.#allowed = allowedOutputs(options.allow)
    this.#declaresOutputs = options.allow.length > 0
  }

  /** Takes the baseline of what is there already. */
  async start(): Promise<void> {
    this.#repositories.look()
    for (const settled of this.#repositories.look(true)) await this.#tryAdopt(settled, 'baseline')
  }

  /** One step: waits for what happens, at most the watching's own time, and deals with it. */
  async step(): Promise<void> {
    if (this.#crowd.pauseMs > 0) await wait(this.#crowd.pauseMs)
    await this.#read(this.#sweep.isGoing ? 0 : this.#watching.longestWaitMs)
    await this.#inPieces(this.#sources.lookAtDue())
    this.#sweep.some()
    if (this.#now() - this.#tickedAt >= tickMs) await this.#tick()
    await nextTurn()
  }

  /** The job says that its checkout is complete: does not wait until git has been quiet for a while. */
  async checkpoint(folder: string | undefined): Promise<CheckpointAnswer> {
    this.#repositories.look()
    const settled = this.#repositories.look(true)
    const at = octetPath(folder ?? shownPath(this.#workspace))
    const prefix = at === this.#workspace ? '' : at.slice(this.#workspace.length + 1)
    if (at !== this.#workspace && !at.startsWith(`${this.#workspace}/`))
      return { ok: false, error: `${shownPath(at)} is not in the workspace ${shownPath(this.#workspace)}` }
    for (const one of settled) {
      const failure = await this.#tryAdopt(one, 'baseline')
      if (failure !== undefined) return { ok: false, error: failure }
    }
    await this.#inPieces(this.#sources.lookAtAll())
    this.#unread.add(this.#sources.takeUnread())
    const commit = this.#repositories.commitOf(prefix)
    if (commit === undefined)
      return { ok: false, error: `there is no git repository with a commit at ${shownPath(at)}` }
    return {
      ok: true,
      commit,
      files: this.#sources.count,
      changed: this.#sources.wrong(path => !this.#allowed(path, false)),
    }
  }

  /** The job is over: everything once more. */
  async finish(): Promise<void> {
    // The job is gone; whoever else writes there must not keep us.
    for (let reads = 0; reads < lastReads && (await this.#read(0)); reads += 1);
    for (const changes of this.#sources.lookAtDue(true)) for (const change of changes ?? []) this.#take(change)
    this.#repositories.look()
    for (const settled of this.#repositories.look(true)) await this.#tryAdopt(settled, 'end')
    this.#resolve(true)
    for (const changes of this.#sources.lookAtAll())
      for (const change of changes ?? []) this.#say({ ...change, at: 'end' })
    this.#added.noticeAll(this.#sources.folders, path => this.#isKept(path))
    await this.#takeAdded(true)
    this.#surroundings.look(true)
    this.#unread.add(this.#sources.takeUnread())
    this.#unread.end()
    const none = this.#trees.isEmpty ? this.#repositories.whyNone() : undefined
    if (none !== undefined) this.#telling.unwatched(none)
    if (this.#lost > 0) this.#telling.lost(this.#lost)
    this.#telling.end(this.#sources.wrong(path => !this.#allowed(path, false)))
  }

  /** True when there was anything. */
  async #read(forMs: number): Promise<boolean> {
    const { all, isOverflow, isShort } = await this.#watching.next(forMs)
    if (isShort === true) this.#telling.short()
    if (isOverflow) {
      if (this.#lost === 0) this.#telling.lost(1)
      this.#lost += 1
      this.#sweep.hurry()
    }
    const areOfSources = all.map(notice => this.#notice(notice))
    this.#crowd.saw(all.length, areOfSources.includes(true), this.#now())
    return all.length > 0 || isOverflow
  }

  /** Does what takes long, and reads notices in between: who is not listened to can be deceived. */
  async #inPieces<T>(work: Generator<readonly Change[] | undefined, T, void>): Promise<T> {
    let step = work.next()
    while (step.done !== true) {
      for (const change of step.value ?? []) this.#take(change)
      await this.#read(0)
      step = work.next()
    }
    return step.value
  }

  /** True when it is about sources. */
  #notice(notice: Notice): boolean {
    this.#surroundings.notice(notice)
    if (!notice.path.startsWith(`${this.#workspace}/`)) return true
    if (notice.process !== undefined) this.#lfs.notice(notice.process)
    const path = notice.path.slice(this.#workspace.length + 1)
    const changes = this.#sources.notice(path, notice)
    if (changes === undefined) {
      const isNew =
        notice.isEntry && isAmong(this.#sources.folders, path) && !this.#trees.isIgnored(path, notice.isFolder)
      if (isNew) this.#added.notice(path, notice.process)
      return false
    }
    for (const change of changes) this.#take(change)
    return true
  }

  /** What git does is held back until it is done and it is known which commit it was for. */
  #take(change: Change): void {
    if (this.#allowed(change.path, false)) return
    if (!this.#held.take(change)) this.#say({ ...change, at: 'live' })
  }

  #say(observed: Omit<Observed, 'commit'>): void {
    if (this.#allowed(observed.path, false)) return
    this.#telling.finding({ ...observed, commit: this.#repositories.commitOf(observed.path) })
  }

  async #tick(): Promise<void> {
    this.#tickedAt = this.#now()
    for (const settled of this.#repositories.look()) await this.#tryAdopt(settled, 'baseline')
    this.#unread.add(this.#sources.takeUnread())
    this.#resolve(false)
    await this.#takeAdded(false)
    this.#surroundings.look(false)
  }

  /** Is it no addition whatever becomes of it: a source, or a file that the commit ignores? */
  #isKept(path: OctetPath): boolean {
    return this.#sources.isTracked(path) || this.#trees.isIgnored(path, false)
  }

  #resolve(isLast: boolean): void {
    const isBusy = (path: OctetPath): boolean => this.#repositories.isBusyAt(path)
    for (const change of this.#held.release(isBusy, isLast)) this.#say({ ...change, at: 'live' })
  }

  async #takeAdded(isLast: boolean): Promise<void> {
    for (const { path, isFolder, process } of this.#added.take(at => this.#repositories.isBusyAt(at), isLast)) {
      const isOurs = this.#sources.isTracked(path) || this.#sources.folders.has(path)
      if (isOurs || this.#trees.isIgnored(path, isFolder) || this.#allowed(path, isFolder)) continue
      const shown = isFolder ? `${path}/` : path
      const after = isFolder ? undefined : await this.#inPieces(this.#surroundings.blobOf(path))
      const facts = { event: 'added-in-source', path: shown, before: undefined, after, process } as const
      this.#say({ ...facts, at: isLast ? 'end' : 'live', isQuiet: !this.#declaresOutputs })
    }
    if (this.#added.takeOverflow())
      this.#telling.unwatched('more new files came among the sources than can be kept: some are not listed')
  }

  /** Answers with why it could not. */
  async #tryAdopt({ prefix, repository, was }: Settled, at: Observed['at']): Promise<string | undefined> {
    let tree: SourceTree
    try {
      tree = readSourceTree(repository)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      this.#telling.unwatched(
        `the sources in ${shownPath(repository.workTree)} cannot be watched: ${cause.message}`,
        true,
      )
      this.#repositories.unread(prefix)
      return cause.message
    }
    const changes = await this.#inPieces(this.#sources.adopt(prefix, tree))
    this.#trees.set(prefix, tree)
    this.#repositories.adopted(prefix, tree.commit)
    this.#added.know(this.#sources.folders, path => this.#isKept(path))
    this.#surroundings.adopt(tree.repositories)
    const dropped = this.#held.settle(path => this.#sources.foundAt(path))
    for (const change of changes) if (!dropped.has(change.path)) this.#say({ ...change, at })
    const folder = shownPath(repository.workTree)
    this.#tell({
      tell: 'baseline',
      folder,
      commit: tree.commit,
      was,
      files: tree.files.length,
      note: exceptionsOf(tree),
    })
    return undefined
  }
}
