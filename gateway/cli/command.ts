import { parseArgs, type ParseArgsConfig } from 'node:util'
import { GatewayError } from '../errors.ts'
import type { OuterProcess } from './outer-process.ts'

/** What a command may touch besides its files: its streams, and the signal that asks it to stop. */
export interface Io {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** What our caller had set of the process; absent where nobody tells. */
  readonly outer?: OuterProcess
  readonly signal: AbortSignal
  /** Absent where there are none. Until disposed, SIGHUP calls `reload` and no longer asks the command to stop. */
  readonly takeHangups?: (reload: () => void) => Disposable
  /** Aborted with the cause by a fault of our own that nobody caught: whoever protects something ends it. */
  readonly fault: AbortSignal
}

/** One command of the `tidegate` program. */
export interface Command {
  readonly name: string
  /** One line for `tidegate --help`. */
  readonly summary: string
  /** The whole text of `tidegate NAME --help`. */
  readonly usage: string
  /** Runs it; the number is the exit code. @throws GatewayError for what the user can fix (`USAGE`, `POLICY_INVALID` …) */
  run(args: readonly string[], io: Io): Promise<number>
  /** The exit code of a failure; 2 when absent. */
  exitCodeOf?(error: GatewayError): number
}

/**
 * `node:util` parseArgs, strict, with our error: one line that says which argument is wrong.
 * @throws GatewayError USAGE
 */
export function parseArguments<const T extends ParseArgsConfig>(
  command: string,
  config: T,
  program = 'tidegate',
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (cause) {
    const [message = ''] = cause instanceof Error ? cause.message.split(/\.\s/) : [String(cause)]
    const [, option] = /^Option '(--[^']+)' argument is ambiguous/.exec(message) ?? []
    const what =
      option === undefined ? message : `${option} has no value (one that begins with '-' is written ${option}=-…)`
    throw new GatewayError('USAGE', `${command}: ${what} (see '${program} ${command} --help')`, { cause })
  }
}
