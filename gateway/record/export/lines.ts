import { logState } from '../log-state.ts'
import { parseLine } from '../log-line.ts'
import { readLog } from '../log-reader.ts'
import { eventOf } from '../summarise-log.ts'
import type { FlowEvent } from '../event.ts'
import type { LogState } from '../summary-shape.ts'

/** A line of the log, made safe again, with its job. */
export interface ExportedLine {
  readonly job: string
  readonly seq: number
  readonly event: FlowEvent
}

/** Another tool's event for a line; undefined for lines that it has nothing for. */
export type MapLine = (line: ExportedLine) => object | undefined

/** Bytes of lines that are put together before they are written. */
const batchBytes = 65_536

/**
 * Writes each line of a log as another tool's event, one JSON object a line, and says what the log's chain is worth.
 * @throws GatewayError LOG_INVALID when the file or a line cannot be read
 */
export async function exportLines(
  log: string,
  map: MapLine,
  out: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<LogState> {
  let batch = ''
  const chain = await readLog(log, signal, (bytes, number) => {
    const line = parseLine(bytes, number)
    const mapped = map({ job: line.job, seq: line.seq, event: eventOf(line) })
    if (mapped === undefined) return
    batch += `${JSON.stringify(mapped)}\n`
    if (batch.length < batchBytes) return
    out.write(batch)
    batch = ''
  })
  out.write(batch)
  return logState(chain, 0)
}
