import { resolve } from 'node:path'
import { additions, differences } from '../baseline/differences.ts'
import { defaultLockFile, emptyLock, type Lock, mostRecent } from '../baseline/lock.ts'
import { loadLock, saveLock } from '../baseline/lock-file.ts'
import { mergeRuns, type Merged, type SeenRun } from '../baseline/merge.ts'
import { readRuns } from '../baseline/read-log.ts'
import { renderLock, settledText } from '../baseline/render.ts'
import { GatewayError } from '../errors.ts'
import { knownExfiltration } from '../policy/known-exfiltration.ts'
import { plural } from '../record/report/words.ts'
import { type Command, type Io, parseArguments } from './command.ts'

const usage = `usage: tidegate lock update|check [--lock FILE] [--stable-after N] LOG…

update  adds what the jobs of these logs did to the baseline, a file to be
        reviewed and kept with the source: for each job the hosts, ports and
        deeds (read, write, connect unread, only ask for the name), by which
        program, since when, in how many runs. The order of logs does not
        matter, and none counts twice.
check   says what these logs hold that the baseline does not know, a line each;
        the file stays as it is.

LOG is an egress.ndjson, or a folder that holds one. What was refused is not
taken up, and a log that was changed is not read. A run is then compared with
it by: tidegate run --lock FILE. docs/baseline.md has the details.

  --lock FILE        the baseline (default: ${defaultLockFile} of this folder)
  --stable-after N   update: runs without anything new until a job is called
                     stable, 1 to ${mostRecent} (default: the file's, at first 3)

exit: 0 done, for check also: nothing is new; 1 something is new; 2 a log or the
baseline cannot be read or written, or wrong usage
`

/** `tidegate lock`. */
export const lock: Command = {
  name: 'lock',
  summary: 'what jobs need of the network, as a file to review',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('lock', {
      args: [...args],
      allowPositionals: true,
      options: { lock: { type: 'string', default: defaultLockFile }, 'stable-after': { type: 'string' } },
    })
    const [action, ...logs] = positionals
    if (action !== 'update' && action !== 'check')
      throw new GatewayError('USAGE', "lock: say what to do, update or check (see 'tidegate lock --help')")
    if (logs.length === 0) throw new GatewayError('USAGE', `lock ${action}: name a log (see 'tidegate lock --help')`)
    if (values.lock === '') throw new GatewayError('USAGE', 'lock: --lock is empty')
    const stableAfter = parseStableAfter(action, values['stable-after'])
    const place = { path: resolve(io.cwd, values.lock), shown: values.lock }
    const before = await loadLock(place.path, place.shown)
    if (action === 'check' && before === undefined)
      throw new GatewayError('LOCK_INVALID', `there is no baseline ${place.shown} (tidegate lock update LOG…)`)
    const runs = await runsOf(logs, io)
    if (before !== undefined && action === 'check') return check(before, runs, io)
    const known = before ?? emptyLock
    return update({ ...known, stableAfter: stableAfter ?? known.stableAfter }, before, runs, place, io)
  },
}

interface Place {
  readonly path: string
  readonly shown: string
}

function check(known: Lock, runs: readonly SeenRun[], { stdout, stderr }: Io): number {
  const found = differences(known, runs)
  for (const { job, text } of found) stdout.write(`${job}: ${text}\n`)
  if (found.length === 0) stderr.write(`nothing is new in ${plural(runs.length, 'run')}\n`)
  return found.length === 0 ? 0 : 1
}

async function update(
  base: Lock,
  before: Lock | undefined,
  runs: readonly SeenRun[],
  { path, shown }: Place,
  { stdout, stderr }: Io,
): Promise<number> {
  const { wanted, withheld } = withoutKnownExfiltration(runs)
  for (const name of withheld)
    stderr.write(
      `tidegate: not taken up, as it is known for exfiltration: ${name} (write the line yourself if it is meant)\n`,
    )
  const merged = mergeRuns(base, wanted)
  tellLosses(merged, stderr)
  const text = renderLock(merged.lock)
  if (before === undefined || renderLock(before) !== text) await saveLock(path, text)
  for (const { job, text: added } of additions(before ?? emptyLock, merged.lock)) stdout.write(`${job}: ${added}\n`)
  const names = [...new Set(runs.map(({ job }) => job))].toSorted()
  for (const name of names) {
    const job = merged.lock.jobs.get(name)
    if (job !== undefined)
      stderr.write(
        `${shown}: ${name}: ${plural(job.rows.length, 'endpoint')}, ${plural(job.runs, 'run')}; ${settledText(job, merged.lock)}\n`,
      )
  }
  return 0
}

function tellLosses({ known, uncounted, overflow }: Merged, stderr: Io['stderr']): void {
  if (known > 0) stderr.write(`${plural(known, 'run')} in it already\n`)
  if (uncounted > 0)
    stderr.write(`${plural(uncounted, 'run')} too old to be counted: what they did is taken up all the same\n`)
  if (overflow > 0)
    stderr.write(
      `tidegate: ${overflow} endpoints found no room: the baseline is incomplete, and they will be new again\n`,
    )
}

/** Nobody is to be led to let such a host pass by an update that nobody reads. */
function withoutKnownExfiltration(runs: readonly SeenRun[]): {
  readonly wanted: readonly SeenRun[]
  readonly withheld: readonly string[]
} {
  const withheld = new Set<string>()
  const isWanted = (host: string): boolean => {
    if (knownExfiltration(host) === undefined) return true
    withheld.add(host)
    return false
  }
  const wanted = runs.map(run => ({ ...run, sightings: run.sightings.filter(({ host }) => isWanted(host)) }))
  return { wanted, withheld: [...withheld].toSorted() }
}

async function runsOf(logs: readonly string[], { cwd, signal, stderr }: Io): Promise<readonly SeenRun[]> {
  const all: SeenRun[] = []
  for (const log of logs) {
    const { runs, isSealed, overflow } = await readRuns(resolve(cwd, log), signal)
    if (runs.length === 0) throw new GatewayError('LOG_INVALID', `${log}: the log is empty`)
    if (!isSealed) stderr.write(`tidegate: ${log} is not sealed: the job may have done more than it says\n`)
    if (overflow > 0) stderr.write(`tidegate: ${log}: ${overflow} flows are more than are told apart\n`)
    all.push(...runs)
  }
  return all
}

function parseStableAfter(action: 'update' | 'check', raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined
  if (action === 'check') throw new GatewayError('USAGE', 'lock check: --stable-after is for update')
  const number = /^\d{1,3}$/.test(raw) ? Number(raw) : 0
  if (number >= 1 && number <= mostRecent) return number
  throw new GatewayError('USAGE', `lock: --stable-after is a number from 1 to ${mostRecent}, not '${raw}'`)
}
