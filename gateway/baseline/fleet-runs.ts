import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { hostOf, type FlowEvent } from '../record/event.ts'
import { normaliseExecutable } from './executable.ts'
import { familyOfName } from './host-family.ts'
import { idOf, readEvents } from './read-log.ts'
import { askingFor } from './sighting.ts'

/** What one run had to do with one host, refused or not. */
export interface HostUse {
  /** Unix milliseconds. */
  first: number
  /** Executables, at most eight. */
  readonly by: Set<string>
  bytesSent: number
  /** True when nothing was carried: only refusals and lookups. */
  refused: boolean
}

/** One run of one job, host by host; names with a made-up label are one. */
export interface FleetRun {
  readonly job: string
  /** Unix milliseconds. */
  readonly start: number
  readonly id: string
  readonly hosts: Map<string, HostUse>
}

/** Hosts of one run that are told apart. */
const mostHosts = 10_000
const mostPrograms = 8

/**
 * The runs of a log, and how many flows found no room.
 * @throws GatewayError LOG_INVALID
 */
export async function readFleetRuns(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly runs: readonly FleetRun[]; readonly overflow: number }> {
  const runs = new Map<string, FleetRun>()
  let overflow = 0
  await readEvents(path, signal, (event, job, line) => {
    const run = runs.get(job) ?? { job, start: event.startedAt, id: idOf(line), hosts: new Map<string, HostUse>() }
    runs.set(job, run)
    if (!countUse(run, event)) overflow += 1
  })
  return { runs: [...runs.values()], overflow }
}

/** False when there was no room. */
function countUse({ hosts }: FleetRun, event: FlowEvent): boolean {
  const named = event.verdict === undefined || event.layer === 'packet' ? '' : (hostOf(event) ?? '')
  const host = event.layer === 'dns' ? askingFor(named)?.host : (parseAddress(named) ?? parseHostname(named))
  if (host === undefined) return true
  const key = familyOfName(host).host
  let use = hosts.get(key)
  if (use === undefined) {
    if (hosts.size >= mostHosts) return false
    use = { first: event.startedAt, by: new Set(), bytesSent: 0, refused: true }
    hosts.set(key, use)
  }
  use.first = Math.min(use.first, event.startedAt)
  if (event.process !== undefined && use.by.size < mostPrograms) use.by.add(normaliseExecutable(event.process.exe))
  if (event.layer === 'dns') return true
  if (event.verdict !== 'deny') use.refused = false
  use.bytesSent += event.bytesSent ?? 0
  return true
}
