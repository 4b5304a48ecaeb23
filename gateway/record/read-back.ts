import { GatewayError } from '../errors.ts'
import { type CreatedLog, logName } from './log-file.ts'
import { readLog } from './log-reader.ts'
import { logState } from './log-state.ts'
import type { RecordFolder } from './record-folder.ts'
import type { LogState } from './summary-shape.ts'

/** Where a record is written. */
export interface WrittenPlace {
  readonly folder: RecordFolder
  readonly log: CreatedLog
}

/** Reads a sealed log back: a build on the same file system could have rewritten it. Never throws; what is wrong is its state. */
export async function readBack(
  { folder, log }: WrittenPlace,
  written: { readonly lines: number; readonly lost: number; readonly onTrouble: (error: unknown) => void },
): Promise<LogState> {
  const { lines, lost, onTrouble } = written
  try {
    const state = logState(await readLog(log.reader, AbortSignal.timeout(60_000)), lost)
    if ((await folder.isInPlace()) && (await log.isInPlace())) return state
    throw new GatewayError(
      'LOG_INVALID',
      `${logName} was moved, removed or replaced: what lies in ${folder.path} is not ours`,
    )
  } catch (cause) {
    onTrouble(cause)
    const message = cause instanceof Error ? cause.message : String(cause)
    return { state: 'broken', lines, lost, message }
  }
}
