import { pino, type DestinationStream, type Logger } from 'pino'
import type { FlowEvent, Sink } from '../record/event.ts'

export type { Logger } from 'pino'

/**
 * The gateway's own log: one JSON object a line, RFC 3339 time, level by name. `serve` writes it to stderr from `info`;
 * `run` opens it at `warn`, so that a build's output stays the build's.
 */
export function openLogger(level: 'debug' | 'info' | 'warn' | 'error' | 'silent', stream: DestinationStream): Logger {
  const formatters = { level: (label: string) => ({ level: label }) }
  return pino({ level, base: null, formatters, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}

/** One line per refused, observed or failed flow under one message, so that `grep egress` finds all and nothing else. */
export function logSink(log: Logger): Sink {
  return {
    write(event: FlowEvent): void {
      const { startedAt: _startedAt, ...facts } = event
      if (event.verdict === 'deny' || event.event === 'anomaly' || event.event === 'failed') log.warn(facts, 'egress')
      else if (event.verdict === 'observe' || event.error !== undefined) log.info(facts, 'egress')
      else log.debug(facts, 'egress')
    },
  }
}
