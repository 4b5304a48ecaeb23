import type { ParseArgsConfig, parseArgs } from 'node:util'
import { parseArguments } from '../../gateway/cli/command.ts'
import { GatewayError } from '../../gateway/errors.ts'

/** `parseArguments` for the commands of this program. @throws GatewayError USAGE */
export function parseInitArguments<const T extends ParseArgsConfig>(
  command: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  return parseArguments(command, config, 'sidecar-init')
}

/** A time limit in whole seconds, 1 to 86,400, as milliseconds. @throws GatewayError USAGE */
export function parseTimeout(command: string, text: string): number {
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (seconds >= 1 && seconds <= 86_400) return seconds * 1_000
  throw new GatewayError('USAGE', `${command}: --timeout takes whole seconds from 1 to 86400, not '${text}'`)
}
