import { resolve } from 'node:path'
import { classFleet } from '../baseline/fleet.ts'
import { type FleetRun, readFleetRuns } from '../baseline/fleet-runs.ts'
import { renderFleet } from '../baseline/fleet-text.ts'
import type { Lock } from '../baseline/lock.ts'
import { loadLock } from '../baseline/lock-file.ts'
import { GatewayError } from '../errors.ts'
import { safeJson } from '../policy/detect/policy-text.ts'
import { canShowProgress, openProgress } from '../record/progress.ts'
import { unixNow } from '../record/unix-now.ts'
import { type Command, type Io, parseArguments } from './command.ts'

const usage = `usage: tidegate fleet [OPTION…] LOG…

Reads many logs of many jobs, and says which hosts are new in them: once each,
however many jobs saw it. New in many unrelated jobs at once is classed as
infrastructure (a change of the runners), new in one job, or in jobs that have
much in common, as suspicious. LOG is an egress.ndjson, or a folder that holds
one.

  --lock FILE      the baseline that jobs are compared with; a job that it does
                   not know is compared with the earliest of its runs here
  --unrelated N    so many unrelated jobs make it infrastructure (default 3)
  --within HOURS   "at once": no longer between two jobs than this (default 24)
  --json           the same as JSON

exit: 0 nothing is suspicious, 1 something is, 2 a log or the baseline cannot be
read, or wrong usage
`

/** `tidegate fleet`. */
export const fleet: Command = {
  name: 'fleet',
  summary: 'what is new in many jobs at once, and what in one alone',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('fleet', {
      args: [...args],
      allowPositionals: true,
      options: {
        lock: { type: 'string' },
        unrelated: { type: 'string', default: '3' },
        within: { type: 'string', default: '24' },
        json: { type: 'boolean', default: false },
      },
    })
    if (positionals.length === 0) throw new GatewayError('USAGE', "fleet: name logs (see 'tidegate fleet --help')")
    const unrelated = parseCount('unrelated', values.unrelated, 2)
    const withinMs = parseCount('within', values.within, 1) * 3_600_000
    const lock = values.lock === undefined ? undefined : await lockAt(values.lock, io)
    const found = classFleet(await runsOf(positionals, io), { lock, unrelated, withinMs })
    io.stdout.write(values.json ? safeJson({ version: 1, ...found }) : renderFleet(found))
    return found.findings.some(finding => finding.class === 'suspicious') ? 1 : 0
  },
}

async function lockAt(name: string, { cwd }: Io): Promise<Lock> {
  const lock = await loadLock(resolve(cwd, name), name)
  if (lock === undefined) throw new GatewayError('LOCK_INVALID', `there is no baseline ${name}`)
  return lock
}

async function runsOf(logs: readonly string[], io: Io): Promise<readonly FleetRun[]> {
  using progress = openProgress(io.stderr, canShowProgress(io.stderr, io.env, false), unixNow)
  const all: FleetRun[] = []
  for (const [index, log] of logs.entries()) {
    progress.phase(`reading log ${index + 1} of ${logs.length}`)
    const { runs, overflow } = await readFleetRuns(resolve(io.cwd, log), io.signal)
    if (overflow > 0) io.stderr.write(`tidegate: ${log}: ${overflow} flows are more than are told apart\n`)
    all.push(...runs)
  }
  return all
}

function parseCount(option: string, raw: string, least: number): number {
  const number = /^\d{1,4}$/.test(raw) ? Number(raw) : 0
  if (number >= least) return number
  throw new GatewayError('USAGE', `fleet: --${option} is a whole number from ${least} on, not '${raw}'`)
}
