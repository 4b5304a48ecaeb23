import { JobSummary } from './job-summary.ts'
import type { LogLine } from './line-schema.ts'
import { parseLine } from './log-line.ts'
import { readLog } from './log-reader.ts'
import { logState } from './log-state.ts'
import { printable } from './printable.ts'
import { redactEvent } from './redact.ts'
import type { FlowEvent } from './event.ts'
import type { Summary } from './summary-shape.ts'

/** UTF-16 units, as the schema of a line has it. */
const longestJob = 255

/**
 * The summary of a log, streamed. A log can come from anywhere, so its text is made safe again. A chain that does not
 * hold is told in `summary.log`, and what the lines say is summed up all the same.
 * @throws GatewayError LOG_INVALID when the file or a line cannot be read (`details.line`)
 */
export async function summariseLog(path: string, signal: AbortSignal): Promise<Summary> {
  let summary: JobSummary | undefined
  let lost = 0
  const chain = await readLog(path, signal, (bytes, number) => {
    const line = parseLine(bytes, number)
    summary ??= new JobSummary(printable(line.job, longestJob))
    summary.write(eventOf(line))
    if (line.layer === 'job' && line.event === 'anomaly' && 'lost' in line.details) lost += line.details.lost ?? 0
  })
  return (summary ?? new JobSummary('unknown')).summary(logState(chain, lost))
}

/** What a line tells, its text made safe again. */
export function eventOf(line: LogLine): FlowEvent {
  const { v: _v, seq: _seq, time, job: _job, prev: _prev, ...facts } = line
  return redactEvent({ ...facts, startedAt: Date.parse(time) })
}
