import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import type { Readable } from 'node:stream'
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

/**
 * Runs real programs. Their environment is only a PATH and the C locale, so that output and look-up do not depend on the
 * caller's. Stopped early, a program is killed, and we wait until it is gone: what it was doing is then done or not.
 */
export const run: Run = async (file, args, { input, signal, timeoutMs = 10_000, env, cwd }) => {
  const child = spawn(file, args, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let trouble: string | undefined
  const stop = (why: string): void => {
    trouble ??= why
    child.kill('SIGKILL')
    // What it started may still hold the other ends.
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  const overlong = (): void => stop('its output is too long')
  const [stdout, stderr] = [collect(child.stdout, overlong), collect(child.stderr, overlong)]
  child.once('error', cause => stop(cause.message))
  // A program may end without reading all that it was given.
  child.stdin?.on('error', () => undefined).end(input)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const late = (): void => stop(signal.aborted ? 'it was stopped' : `timed out after ${timeoutMs} ms`)
  if (limit.aborted) late()
  limit.addEventListener('abort', late, { once: true })
  const exitCode = await new Promise<number | null>(fulfil => child.once('close', fulfil))
  limit.removeEventListener('abort', late)
  if (trouble === undefined && exitCode !== null) return { exitCode, stdout: stdout(), stderr: stderr() }
  return {
    exitCode: undefined,
    stdout: stdout(),
    stderr: `${stderr()}${file}: ${trouble ?? `ended by ${child.signalCode}`}`,
  }
}

/** Keeps what a stream says; `overlong` is called when that is more than may be kept. */
function collect(stream: Readable | null, overlong: () => void): () => string {
  const parts: Buffer[] = []
  let length = 0
  stream?.on('data', (part: Buffer) => {
    length += part.length
    if (length > maxOutputBytes) return overlong()
    parts.push(part)
  })
  return () => Buffer.concat(parts).toString('utf8')
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
