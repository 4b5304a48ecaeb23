import { GatewayError } from '../errors.ts'
import type { Io } from './command.ts'

/** Codes that tell a reader no more than the message does; the others lead to docs/errors.md. */
const speakForThemselves: ReadonlySet<string> = new Set([
  'USAGE',
  'COMMAND_NOT_FOUND',
  'COMMAND_NOT_EXECUTABLE',
  'GATEWAY_REFUSED',
])

/** Says on stderr why `program` fails: one line of what went wrong, then the detail, each fault of a policy on a line of its own. */
export function complain(program: string, error: unknown, io: Pick<Io, 'stderr'>): void {
  if (!(error instanceof GatewayError)) {
    io.stderr.write(`${program}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`)
    return
  }
  const code = speakForThemselves.has(error.code) ? '' : ` (${error.code})`
  io.stderr.write(`${program}: ${error.message}${code}\n`)
  const faults = error.details['faults']
  if (Array.isArray(faults)) for (const fault of faults) io.stderr.write(`  ${String(fault)}\n`)
}
