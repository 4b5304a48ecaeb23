import type { Sighting } from '../../../gateway/baseline/lock.ts'
import type { SeenRun } from '../../../gateway/baseline/merge.ts'

/** `read npm.acme.test:443 /usr/bin/node`, `connect udp://time.acme.test:123`, `ask name.acme.test`. */
export function seen(text: string): Sighting {
  const [does = '', to = '', by] = text.split(' ')
  if (does === 'ask') return { transport: 'udp', host: to, port: undefined, does, by: undefined }
  if (does !== 'read' && does !== 'write' && does !== 'connect') throw new Error(`no deed: ${does}`)
  const [, udp, host = '', port] = /^(udp:\/\/)?(.*):(\d+)$/.exec(to) ?? []
  return { transport: udp === undefined ? 'tcp' : 'udp', host, port: Number(port), does, by }
}

/** Noon of a January's day, Unix seconds. */
export function onDay(day: number): number {
  return Date.UTC(2026, 0, day, 12) / 1_000
}

/** A run on that day; another name makes it another run of the same day. */
export function runOn(day: number, sightings: readonly string[], job = 'build'): SeenRun {
  const id = Buffer.from(`${job}${day}`).toString('hex').padStart(12, '0').slice(-12)
  return { job, start: onDay(day), id, sightings: sightings.map(seen) }
}
