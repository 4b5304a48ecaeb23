import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { execa } from 'execa'
import { type ErrorCode, GatewayError } from '../errors.ts'

/** How a program ended. `exitCode` is undefined when a signal or the time limit ended it, or when it could not be started. */
export interface Ran {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Input, and the two ways a run ends early. */
export interface RunOptions {
  /** Text on standard input; default none. */
  readonly input?: string
  readonly signal: AbortSignal
  /** Default 10,000. */
  readonly timeoutMs?: number
  /** Added to the program's environment, and stands over PATH and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>
  /** Default: the gateway's own. */
  readonly cwd?: string
}

/** Runs a program to its end; arguments are a list, never a shell line. Never rejects. The one seam tests replace. */
export type Run = (file: string, args: readonly string[], options: RunOptions) => Promise<Ran>

/** Longest output kept of each stream, bytes: a full ledger as JSON is about 2 MB. */
const maxOutputBytes = 16_777_216

/** Runs real programs. Their environment is only a PATH and the C locale, so that output and look-up do not depend on the caller's. */
export const run: Run = async (file, args, { input, signal, timeoutMs = 10_000, env, cwd }) => {
  const result = await execa(file, args, {
    reject: false,
    extendEnv: false,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...env },
    ...(cwd === undefined ? {} : { cwd }),
    maxBuffer: maxOutputBytes,
    stripFinalNewline: false,
    timeout: timeoutMs,
    cancelSignal: signal,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  })
  const unstarted = result.exitCode === undefined || result.isMaxBuffer
  return {
    exitCode: result.isMaxBuffer ? undefined : result.exitCode,
    stdout: result.stdout,
    stderr: unstarted ? `${result.stderr}${result.shortMessage}` : result.stderr,
  }
}

/**
 * Runs a program that must succeed, and returns its standard output.
 * @throws GatewayError with `code` when it does not; `details.stderr` holds the first 2,000 characters it said.
 */
export async function runOrThrow(
  seam: Run,
  code: ErrorCode,
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<string> {
  const { exitCode, stdout, stderr } = await seam(file, args, options)
  if (exitCode === 0) return stdout
  const said = stderr.trim()
  throw new GatewayError(code, `${file} failed: ${said.split('\n')[0] ?? ''}`, {
    details: { command: [file, ...args].join(' '), exitCode: exitCode ?? null, stderr: said.slice(0, 2_000) },
  })
}

/** How to start a program that goes on running. */
export interface StartOptions {
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdio: StdioOptions
  /** In a session of its own, out of reach of this process's terminal and group. Default false. */
  readonly detached?: boolean
}

/**
 * Starts a program and returns at once, in the working directory `/`. It is forked by this very thread, so that it is
 * born in the namespaces and under the filter that the thread has now. That it cannot be started is told by `error`.
 */
export function startProgram(file: string, args: readonly string[], options: StartOptions): ChildProcess {
  return spawn(file, args, { cwd: '/', detached: false, ...options, env: { ...options.env } })
}
