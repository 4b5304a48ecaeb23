import type { ProcessEvent } from '../packet/process-events.ts'
import type { InstallScript, ReadProcess } from './install-script.ts'

/** What a lineage asks about processes, by the numbers of the events. */
export interface ProcessReader {
  /** Undefined when it is gone. */
  read(pid: number): ReadProcess | undefined
  /** The number by which the job sees it; undefined when it is gone, or none of the job's. */
  innerPid(pid: number): number | undefined
  exists(pid: number): boolean
  /** All that live below a process, parents before their children. */
  below(pid: number): readonly { readonly pid: number; readonly parent: number }[]
}

/** A process, and by whom it was made: that stays so, whoever becomes its parent when those have ended. */
interface Kin {
  maker: Kin | undefined
  script: InstallScript | undefined
  installs: ReadProcess['installs']
  hasEnded: boolean
  inner: number | undefined
  /** It has ended and nothing of it is left: its number in the job is not to be found out any more. */
  isGone: boolean
}

/** Processes that have ended stay known until so many others have ended after them: a number may still be some thread's. */
const keptEnded = 1_024

/** How many above a newborn are looked at, to leave out those that have ended: more would take longer than it saves. */
const mostShortened = 64

/** Milliseconds between two looks at all processes: each reads the whole of /proc. */
const betweenScans = 1_000

/**
 * Knows of each process below a root by which process it was made, and which of them are scripts of installations or were
 * made by one. Neither the end of its parents nor an empty environment takes that from a process.
 *
 * A script is told from others by its environment and command line while it runs. One that has ended before anybody could look
 * is one all the same when npm, yarn or pnpm made it while they install: they start nothing else that ends so soon. Scripts of
 * Debian packages are left out: that services outlive them is what many are for.
 */
export class Lineage {
  readonly #root: number
  readonly #reader: ProcessReader
  readonly #onLost: () => void
  readonly #now: () => number
  readonly #kin = new Map<number, Kin>()
  #ended: (readonly [pid: number, kin: Kin])[] = []
  #isToldOfLoss = false
  #isBehind = false
  #scannedAt = -Infinity

  /**
   * `onLost`: told the first time that events were lost, and what has left its parents before is not known any more.
   * `now`: milliseconds of a clock that is not set.
   */
  constructor(root: number, reader: ProcessReader, onLost: () => void, now: () => number = () => performance.now()) {
    this.#root = root
    this.#reader = reader
    this.#onLost = onLost
    this.#now = now
    this.#kin.set(root, newKin(undefined))
  }

  /** How many processes are known; for tests. */
  get size(): number {
    return this.#kin.size
  }

  take(events: readonly ProcessEvent[]): void {
    const executed = new Map<number, Kin>()
    const born: Kin[] = []
    for (const event of events) {
      if (event.kind === 'lost') this.lose()
      else if (event.kind === 'born') {
        const maker = this.#kin.get(event.parent)
        const kin = maker && newKin(maker)
        executed.delete(event.pid)
        if (kin === undefined) this.#kin.delete(event.pid)
        else {
          this.#kin.set(event.pid, kin)
          born.push(kin)
        }
      } else {
        const kin = this.#kin.get(event.pid)
        if (kin === undefined || event.pid === this.#root) continue
        if (event.kind === 'executed') executed.set(event.pid, kin)
        else this.#end(event.pid, kin)
      }
    }
    for (const [pid, kin] of executed) this.#look(pid, kin)
    for (const kin of born) shorten(kin)
    this.catchUp()
  }

  /** Events were lost: what lives is looked through at the next `catchUp`. */
  lose(): void {
    this.#isBehind = true
    if (this.#isToldOfLoss) return
    this.#isToldOfLoss = true
    this.#onLost()
  }

  /** Begins anew after a loss, at most once a second; until then what was known before is the best that is known. */
  catchUp(): void {
    const now = this.#now()
    if (!this.#isBehind || now - this.#scannedAt < betweenScans) return
    this.#scannedAt = now
    this.#beginAnew()
    this.#isBehind = false
  }

  /** The script that the job's process with this number is, or was made by. */
  scriptOf(inner: number): InstallScript | undefined {
    const known = new Map<Kin, InstallScript | undefined>()
    for (const [pid, kin] of this.#kin) {
      const script = scriptAbove(kin, known)
      if (script === undefined || kin.isGone) continue
      kin.inner ??= this.#reader.innerPid(pid)
      kin.isGone = kin.inner === undefined && kin.hasEnded
      if (kin.inner === inner) return script
    }
    return undefined
  }

  #look(pid: number, kin: Kin): void {
    // What is below a script is below it whatever it says.
    if (scriptAbove(kin) !== undefined) return
    const read = kin.hasEnded ? undefined : this.#reader.read(pid)
    kin.installs = read?.installs
    kin.script = read?.script?.ecosystem === 'deb' ? undefined : read?.script
    if (read !== undefined) return
    const ecosystem = kin.maker?.installs
    if (ecosystem !== undefined) kin.script = { ecosystem, of: undefined }
  }

  #end(pid: number, kin: Kin): void {
    kin.hasEnded = true
    this.#ended.push([pid, kin])
    if (this.#ended.length <= keptEnded) return
    const [oldest] = this.#ended.splice(0, 1)
    if (oldest === undefined || this.#kin.get(oldest[0]) !== oldest[1]) return
    // Only its first thread has ended, or nobody has asked yet how it did.
    if (this.#reader.exists(oldest[0])) this.#ended.push(oldest)
    else this.#kin.delete(oldest[0])
  }

  /** What lives is known by its parents of now. */
  #beginAnew(): void {
    const living = this.#reader.below(this.#root)
    this.#kin.clear()
    this.#ended = []
    this.#kin.set(this.#root, newKin(undefined))
    for (const { pid, parent } of living) {
      const maker = this.#kin.get(parent)
      if (maker === undefined) continue
      const kin = newKin(maker)
      this.#kin.set(pid, kin)
      // Parents come first: what is below a script is not read.
      this.#look(pid, kin)
    }
  }
}

function newKin(maker: Kin | undefined): Kin {
  return { maker, script: undefined, installs: undefined, hasEnded: false, inner: undefined, isGone: false }
}

/** `known`: what was found for others in the same look, so that a long row of makers is gone up once for all of them. */
function scriptAbove(kin: Kin, known?: Map<Kin, InstallScript | undefined>): InstallScript | undefined {
  const passed: Kin[] = []
  let script: InstallScript | undefined
  for (let next: Kin | undefined = kin; next !== undefined; next = next.maker) {
    script = next.script ?? known?.get(next)
    if (script !== undefined || known?.has(next) === true) break
    passed.push(next)
  }
  for (const one of passed) known?.set(one, script)
  return script
}

/** Leaves out those above it that have ended without being scripts: what makes one child after another must not be kept whole. */
function shorten(kin: Kin): void {
  let left = mostShortened
  for (let maker = kin.maker; maker !== undefined && left > 0; maker = maker.maker) {
    left -= 1
    while (left > 0 && maker.maker !== undefined && maker.maker.hasEnded && maker.maker.script === undefined) {
      left -= 1
      maker.maker = maker.maker.maker
    }
  }
}
