import { execa } from 'execa'

/** How a finished program ended. `stdout` and `stderr` are unchanged, final line feed included. */
export interface Finished {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
  /** The bytes of `stdout`, where text would not do. */
  readonly stdoutBytes: Uint8Array
  readonly timedOut: boolean
}

/** How to run a program; the environment is exactly `env`, nothing is inherited. */
export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Runs a program to its end; a failing exit is a value, not an exception. Too late or aborted, its whole group is killed. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Finished> {
  const running = execa(file, args, {
    reject: false,
    extendEnv: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    // A group of its own: a child that keeps our pipe open must not outlive the time limit.
    detached: true,
    env: { ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  })
  const limit = AbortSignal.timeout(options.timeoutMs ?? 30_000)
  const stop = AbortSignal.any([limit, ...(options.signal === undefined ? [] : [options.signal])])
  const killGroup = (): void => {
    if (running.pid !== undefined) killQuietly(-running.pid)
  }
  stop.addEventListener('abort', killGroup, { once: true })
  if (stop.aborted) killGroup()
  const result = await running
  stop.removeEventListener('abort', killGroup)
  const text = new TextDecoder()
  const stderr = text.decode(result.stderr)
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: text.decode(result.stdout),
    // Without a process there is nothing but the reason why.
    stderr: running.pid === undefined ? (result.shortMessage ?? '') : stderr,
    stdoutBytes: result.stdout,
    timedOut: limit.aborted,
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Runs a program that must succeed. @throws Error with its stderr when it does not. */
export async function runChecked(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Finished> {
  const finished = await runProgram(file, args, { env: bareEnvironment(), ...options })
  if (finished.exitCode === 0) return finished
  throw new Error(`${file} ${args.join(' ')}: exit ${finished.exitCode ?? finished.signal}: ${finished.stderr.trim()}`)
}

/** The least a program needs; nothing of the developer's proxies, indexes, trust stores or tokens. */
export function bareEnvironment(home = '/nonexistent'): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LANG: 'C.UTF-8' }
}
