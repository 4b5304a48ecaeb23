import type { Baseline } from '../baseline/open.ts'
import { GatewayError } from '../errors.ts'
import type { Io } from './command.ts'
import type { RunArguments } from './run-arguments.ts'

/**
 * The baseline that `run --lock` names. That there is none yet is no fault: the first run is what it will be made of.
 * @throws GatewayError LOCK_INVALID
 */
export async function baselineOf({ lock: wanted, job }: RunArguments, { stderr }: Io): Promise<Baseline | undefined> {
  if (wanted === undefined) return undefined
  const { file, shown, frozen } = wanted
  const lock = await (await import('../baseline/lock-file.ts')).loadLock(file, shown)
  if (lock !== undefined) return { lock, file: shown, frozen }
  if (frozen) throw new GatewayError('LOCK_INVALID', `there is no baseline ${shown}, and --frozen needs one`)
  stderr.write(
    `tidegate: there is no baseline ${shown} yet, so nothing of ${job} is compared; when it is done: tidegate lock update LOG --lock ${shown}\n`,
  )
  return undefined
}
