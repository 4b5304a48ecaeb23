import { openLogger } from '../../gateway/observe/logger.ts'

type Facts = Readonly<Record<string, unknown>>

/** What the watcher says: facts first, one sentence. */
export interface WatchLog {
  info(facts: Facts, message: string): void
  warn(facts: Facts, message: string): void
  error(facts: Facts, message: string): void
}

/** Lines for a reader on a terminal, else one JSON object a line. */
export function openWatchLog(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }): WatchLog {
  if (stream.isTTY !== true) return openLogger('info', stream)
  const say = (word: string) => (facts: Facts, message: string) => {
    const more = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`)
    stream.write(`sidecar-init: ${word}${message}${more.length === 0 ? '' : ` (${more.join(', ')})`}\n`)
  }
  return { info: say(''), warn: say('warning: '), error: say('error: ') }
}
