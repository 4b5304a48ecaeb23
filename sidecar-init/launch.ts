import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants as files, openSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { GatewayError } from '../gateway/errors.ts'
import { type Namespaces, openNamespaces } from '../gateway/packet/namespace.ts'
import { closeOwnMemory } from '../gateway/packet/own-memory.ts'
import { startProgram } from '../gateway/packet/run.ts'
import { boundingSet } from './capabilities.ts'
import { confineThread, keepDescriptors } from './confine.ts'
import type { Tools } from './preflight.ts'
import { type ViewOptions, writeView } from './view.ts'

/** What a program of the job is started with. */
export interface StartInside {
  /** Program and arguments; looked up in the PATH of `env`, as a shell does. */
  readonly command: readonly [string, ...(readonly string[])]
  /** Its whole environment, byte for byte. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Default root. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  /** Default: ours, so that it behaves as under a shell. */
  readonly stdio?: StdioOptions
  /** Soft limit on open files. Default: ours. */
  readonly openFiles?: number | undefined
  /** Signals that it is started to ignore. Default none: Node resets them for what it starts. */
  readonly ignored?: readonly NodeJS.Signals[]
}

/** A program running in the job. */
export interface JobProcess {
  readonly child: ChildProcess
  /** True when it has our terminal: then Ctrl-C reaches it without us, and must not be passed on. */
  readonly sharesTerminal: boolean
  /** `code` is as a shell tells it: 128 + n for a signal, 126 and 127 when it could not be run. */
  readonly exited: Promise<{ readonly code: number; readonly signal: NodeJS.Signals | null }>
}

/** Namespaces for a job, held by a process 1 of ours. Disposing kills everything inside and waits until it is gone. */
export interface JobPlace extends AsyncDisposable {
  /** Process 1 of the job, as this machine numbers it. */
  readonly initPid: number
  /**
   * The procfs of the job's pid namespace, by a descriptor: root in the job can trace process 1 and move its root, so that
   * `/proc/PID/root` is where the job says.
   */
  readonly procRoot: string
  /** Fulfilled when the job's view of the file system is made. @throws GatewayError LAUNCH_FAILED */
  readonly ready: Promise<void>
  /** Starts a program inside. Prove the wire first. @throws GatewayError SOCKET_FAILED when the place is gone */
  start(options: StartInside): JobProcess
}

const initScript = fileURLToPath(new URL('init.sh', import.meta.url))
const cleanEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } as const

/** `--ipc`: shared memory and queues of System V belong to no file and would stay behind; the machine's are not the job's. */
const unshareOptions = ['--net', '--mount', '--pid', '--ipc', '--mount-proc', '--kill-child=KILL'] as const

function initArguments(tools: Tools, planFile: string): readonly string[] {
  return [initScript, planFile, tools.setpriv, boundingSet, tools.tini, tools.dash]
}

/**
 * Makes network, mount and pid namespaces for a job. They end with this process, however it ends. When it is fulfilled, the
 * wire can be laid into `initPid`; the rest of the view is made meanwhile.
 * @throws GatewayError LAUNCH_FAILED
 */
export async function openJobPlace(tools: Tools, options: ViewOptions, signal: AbortSignal): Promise<JobPlace> {
  closeOwnMemory()
  confineThread()
  keepDescriptors()
  await using opening = new AsyncDisposableStack()
  const view = opening.use(writeView(options))
  const holder = startProgram(
    tools.setpriv,
    // When this process dies, however it dies, `setpriv` sees that `unshare` is killed, and that kills process 1.
    [
      '--pdeathsig',
      'KILL',
      '--',
      tools.unshare,
      ...unshareOptions,
      '--',
      tools.dash,
      ...initArguments(tools, view.planFile),
    ],
    { env: cleanEnvironment, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true },
  )
  const ended = once(holder, 'exit').then(
    () => undefined,
    () => undefined,
  )
  let init: { readonly pid: number; readonly namespace: number } | undefined
  opening.defer(async () => {
    // `unshare` ends when it has reaped process 1, and that ends when everything inside has: then all is gone.
    if (holder.exitCode === null && holder.signalCode === null) {
      if (init === undefined) holder.kill('SIGKILL')
      else endInit(init)
    }
    await ended
  })
  const report = readReport(holder)
  await report.reached('inside', signal)
  const pid = childOf(holder) ?? (await report.failed())
  const namespaces = opening.use(openNamespaces(pid, ['net', 'pid']))
  const proc = opening.adopt(openProc(pid), closeSync)
  init = { pid, namespace: pidNamespaceOf(pid) }
  const ready = report.reached('ready', signal).then(() => view.applied())
  // Whoever waits for it hears of a failure; when nobody does any more, it is none.
  void Promise.allSettled([ready])
  const owned = opening.move()
  return {
    initPid: pid,
    procRoot: `/proc/self/fd/${proc}`,
    ready,
    start: inside => startInside(tools, pid, namespaces, inside),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function startInside(tools: Tools, initPid: number, namespaces: Namespaces, inside: StartInside): JobProcess {
  const { command, user, stdio = 'inherit' } = inside
  const sharesTerminal = (stdio === 'inherit' || stdio[0] === 'inherit') && hasTerminal()
  const drop = [`--bounding-set=${boundingSet}`, '--inh-caps=-all', '--ambient-caps=-all', ...identity(user)]
  // The folder is looked up inside: one opened before would lead around the mounts.
  const enter = [`--target=${initPid}`, '--mount', '--ipc', `--wdns=${inside.cwd}`]
  const args = [...enter, '--', tools.setpriv, ...drop, '--', ...asUnderShell(tools, inside), ...command]
  // Network and pid namespace are entered by this thread, so that the program is our child and its signals are ours to see.
  const child = namespaces.run(() =>
    startProgram(tools.nsenter, args, { env: inside.env, stdio, detached: !sharesTerminal }),
  )
  const exited = new Promise<{ code: number; signal: NodeJS.Signals | null }>((fulfil, reject) => {
    child.once('error', cause => reject(new GatewayError('LAUNCH_FAILED', `cannot start ${command[0]}`, { cause })))
    child.once('exit', (code, by) => fulfil({ code: code ?? 128 + signalNumber(by), signal: by }))
  })
  return { child, sharesTerminal, exited }
}

/** What stands before the command, to give it what Node has changed. */
function asUnderShell(tools: Tools, { openFiles, ignored = [] }: StartInside): readonly string[] {
  return [
    ...(openFiles === undefined ? [] : [tools.prlimit, `--nofile=${openFiles}:`]),
    ...(ignored.length === 0 ? [] : [tools.env, `--ignore-signal=${ignored.join(',')}`]),
  ]
}

function identity(user: StartInside['user']): readonly string[] {
  if (user === undefined) return []
  const groups = user.groups.length === 0 ? '--clear-groups' : `--groups=${user.groups.join(',')}`
  return [`--reuid=${user.uid}`, `--regid=${user.gid}`, groups]
}

interface Report {
  /** Waits for a line. @throws GatewayError LAUNCH_FAILED when it ends without */
  reached(word: string, signal: AbortSignal): Promise<void>
  /** Waits for the end, and throws what was said. */
  failed(): Promise<never>
}

/** The lines of `init.sh`. */
function readReport(holder: ChildProcess): Report {
  const stream = holder.stdio[4]
  let said = ''
  const ended = new AbortController()
  const changes = new EventTarget()
  const changed = (): void => void changes.dispatchEvent(new Event('change'))
  const over = (): void => {
    ended.abort()
    changed()
  }
  if (stream instanceof Readable) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      // A few lines at most, whatever a program says while it fails.
      said = (said + text).slice(0, 8_192)
      changed()
    })
    stream.on('error', over)
  }
  holder.once('error', over)
  holder.once('close', over)
  return {
    async reached(word, signal) {
      while (!said.split('\n').includes(word)) {
        if (ended.signal.aborted) throw failure(said, holder)
        await once(changes, 'change', { signal })
      }
    },
    async failed() {
      while (!ended.signal.aborted) await once(changes, 'change')
      throw failure(said, holder)
    },
  }
}

function failure(said: string, holder: ChildProcess): GatewayError {
  const lines = said.split('\n').filter(line => line !== '' && line !== 'inside' && line !== 'ready')
  const how = `exit ${holder.exitCode ?? holder.signalCode ?? 'unknown'}`
  return new GatewayError('LAUNCH_FAILED', `cannot make the job’s namespaces: ${lines[0] ?? how}`, {
    details: { said: lines.join('; '), exit: how },
  })
}

/** Kills process 1, and with it everything inside. It may have ended by itself (`kill -9 -1` does that), and its number be another's. */
function endInit({ pid, namespace }: { readonly pid: number; readonly namespace: number }): void {
  try {
    if (pidNamespaceOf(pid) === namespace) process.kill(pid, 'SIGKILL')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'ENOENT' && code !== 'ESRCH') throw cause
  }
}

function openProc(pid: number): number {
  try {
    return openSync(`/proc/${pid}/root/proc`, files.O_RDONLY | files.O_DIRECTORY)
  } catch (cause) {
    throw new GatewayError('LAUNCH_FAILED', 'process 1 of the job ended while it was looked at', { cause })
  }
}

function pidNamespaceOf(pid: number): number {
  return statSync(`/proc/${pid}/ns/pid`).ino
}

/** Undefined when it is gone already. */
function childOf({ pid }: ChildProcess): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  const child = Number(children.trim().split(' ')[0])
  return Number.isInteger(child) && child > 0 ? child : undefined
}

/** Do we have a terminal that a program of ours would share? */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    // ENXIO: none. Then the program gets a session of its own, where `kill 0` does not reach us.
    return false
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal]
}
