import type { Command, Io } from '../../../gateway/cli/command.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import { captureIo } from './capture-io.ts'

/** What a command did. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | undefined
  readonly error: GatewayError | undefined
}

/** Runs a command to its end; only a GatewayError is an outcome. */
export async function outcome(
  command: Command,
  args: readonly string[],
  over: Partial<Pick<Io, 'env' | 'cwd'>> = {},
): Promise<Outcome> {
  const io = captureIo()
  let exitCode: number | undefined
  let error: GatewayError | undefined
  try {
    exitCode = await command.run(args, { ...io, ...over })
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause
    error = cause
  }
  return { stdout: io.out(), stderr: io.err(), exitCode, error }
}
