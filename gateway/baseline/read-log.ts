import { createHash } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { FlowEvent } from '../record/event.ts'
import type { LogLine } from '../record/line-schema.ts'
import { parseLine } from '../record/log-line.ts'
import { readLog } from '../record/log-reader.ts'
import { printable } from '../record/printable.ts'
import { redactEvent } from '../record/redact.ts'
import type { Sighting } from './lock.ts'
import { rowKey, type SeenRun } from './merge.ts'
import { sightingOf } from './sighting.ts'

/** Different sightings of one run that are told apart. */
const mostSightings = 20_000
const longestJob = 255

/** What one log holds: a run of each job in it (one, but for a log of many jobs). */
export interface LogRuns {
  readonly runs: readonly SeenRun[]
  /** False when the log does not end as it should: the job was killed, or still runs. */
  readonly isSealed: boolean
  /** Flows that were more than are told apart. */
  readonly overflow: number
}

/**
 * Reads what the jobs of a log did. A log whose chain does not hold is refused: a line put into it would become a way out.
 * @throws GatewayError LOG_INVALID, naming the log
 */
export async function readRuns(path: string, signal: AbortSignal): Promise<LogRuns> {
  const runs = new Map<string, OpenRun>()
  let overflow = 0
  const { isSealed } = await readEvents(path, signal, (event, job, bytes) => {
    const run = runs.get(job) ?? { start: Math.floor(event.startedAt / 1_000), id: idOf(bytes), sightings: new Map() }
    runs.set(job, run)
    const sighting = sightingOf(event)
    if (sighting === undefined) return
    const key = rowKey(sighting)
    if (run.sightings.has(key)) return
    if (run.sightings.size >= mostSightings) overflow += 1
    else run.sightings.set(key, sighting)
  })
  const seen = [...runs].map(([job, { start, id, sightings }]) => ({
    job,
    start,
    id,
    sightings: [...sightings.values()],
  }))
  return { runs: seen, isSealed, overflow }
}

/**
 * Streams the events of a log, made safe to show, to `onEvent`, each with its job and its line.
 * @throws GatewayError LOG_INVALID, naming the log, when it cannot be read or its chain does not hold
 */
export async function readEvents(
  path: string,
  signal: AbortSignal,
  onEvent: (event: FlowEvent, job: string, bytes: Buffer) => void,
): Promise<{ readonly isSealed: boolean }> {
  try {
    const chain = await readLog(path, signal, (bytes, number) => {
      const line = parseLine(bytes, number)
      onEvent(eventOf(line), printable(line.job, longestJob), bytes)
    })
    if (chain.state !== 'broken') return { isSealed: chain.state === 'sealed' }
    throw new GatewayError('LOG_INVALID', `the log was changed after it was written: ${chain.message}`)
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause
    const message = cause.message.startsWith(path) ? cause.message : `${path}: ${cause.message}`
    throw new GatewayError(cause.code, message, { cause, details: cause.details })
  }
}

interface OpenRun {
  readonly start: number
  readonly id: string
  readonly sightings: Map<string, Sighting>
}

function eventOf(line: LogLine): FlowEvent {
  const { v: _v, seq: _seq, time, job: _job, prev: _prev, ...facts } = line
  return redactEvent({ ...facts, startedAt: Date.parse(time) })
}

/** What a run is known by: its log begins with a line that no other log has. */
export function idOf(line: Buffer): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 12)
}
