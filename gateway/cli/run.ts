import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join, relative } from 'node:path'
import { networkFileSystems, parseMounts } from '../../sidecar-init/mount-table.ts'
import { checkMachine, findCommand } from '../../sidecar-init/preflight.ts'
import type { Baseline } from '../baseline/open.ts'
import type { GatewayError } from '../errors.ts'
import { openIdleMemory } from '../idle-memory.ts'
import type { Metrics } from '../observe/metrics.ts'
import { noMetrics } from '../observe/no-metrics.ts'
import type { Policy } from '../policy/policy.ts'
import type { JobRecord, RecordEnd } from '../record/job-record.ts'
import { printable } from '../record/printable.ts'
import { canShowProgress, openProgress } from '../record/progress.ts'
import { terminalFor } from '../record/report/terminal.ts'
import { renderBrief } from '../record/report/text.ts'
import { openStatusLine } from '../record/status-line.ts'
import { unixNow } from '../record/unix-now.ts'
import { type Gateway, start } from '../start.ts'
import { openWatchedRecord } from '../watched-record.ts'
import type { Command, Io } from './command.ts'
import { baselineOf } from './run-baseline.ts'
import { parseRunArguments, type RunArguments } from './run-arguments.ts'
import { askedSignal, type CommandToRun, runCommand } from './run-command.ts'
import { policyOfRun } from './run-policy.ts'
import { parseUser, readAccounts, type RunUser } from './run-user.ts'
import { version } from './version.ts'

/** The gateway cannot protect the command; or could not until its end. */
const notProtected = 125
/** Something was denied and `--fail-on-deny` was given, or something found that the policy fails a run for. */
const somethingDenied = 3
/** Records of runs without `--out`; a job sees this folder empty. */
export const defaultRecords = '/var/log/tidegate'

const usage = `usage: tidegate run [OPTION…] -- CMD [ARG…]

Runs CMD behind the gateway, in network, mount and pid namespaces of its own,
with one wire that ends here. CMD starts only when the wire is proved. At the end
the report is printed on stderr. Needs root.

  --policy FILE        the policy (default: tidegate.yaml of this folder)
  --mode audit|block   instead of the policy's own; audit needs no policy
  --job NAME           name in log and report (default: the command's)
  --out DIR            where egress.ndjson, summary.json and summary.md go
                       (default: a new folder in ${defaultRecords})
  --fail-on-deny       exit 3 when anything was denied
  --lock FILE          compare with this baseline (tidegate lock): what is new is
                       told, and refused where the policy has anomalies: deny
  --frozen             refuse (in audit: observe) what the baseline does not know
  --user USER[:GROUP]  run CMD as this user (default: root, without what could
                       leave the wire)
  --metrics ADDR:PORT  serve /metrics, /healthz and /readyz while CMD runs

exit: CMD's own; 125 the gateway cannot protect CMD (it is then not started, or
ended) or wrong usage; 126 and 127 as a shell; 3 see --fail-on-deny, or what the
policy fails a run for (integrity.onChange: fail)

The files that make toolchains trust the gateway are in /run/tidegate inside the
job, and its environment names them (docs/trust.md).
`

/** A user's file paths, environment and options, understood and checked. */
interface Prepared extends CommandToRun {
  readonly policy: Policy
  readonly baseline: Baseline | undefined
  readonly out: string
}

export const run: Command = {
  name: 'run',
  summary: 'run a build behind the gateway on this machine',
  usage,
  exitCodeOf,
  async run(args, io) {
    const parsed = parseRunArguments(args, io.cwd)
    const policy = await policyOfRun(parsed, io.cwd)
    const baseline = await baselineOf(parsed, io)
    const user = parsed.user === undefined ? rootUser : parseUser(parsed.user, readAccounts())
    const environment = { ...io.env, ...user.environment }
    const tools = checkMachine()
    warnOfNetworkFileSystems(io)
    findCommand(parsed.command[0], environment['PATH'], io.cwd)
    const out = parsed.out ?? join(defaultRecords, `${parsed.job}-${new Date().toISOString().replace(/[:.]/g, '')}`)
    try {
      return await protect({ args: parsed, policy, baseline, out, user, environment }, tools, io)
    } catch (cause) {
      // Whatever we were at, being asked to stop is why it failed. (A command that was started ends by itself.)
      if (!io.signal.aborted || io.fault.aborted) throw cause
      const asked = askedSignal(io.signal)
      io.stderr.write(`tidegate: stopped by ${asked} before the command was started\n`)
      return 128 + constants.signals[asked]
    }
  },
}

/** What they carry crosses no wire: the machine's kernel sends it. */
function warnOfNetworkFileSystems({ stderr }: Io): void {
  const mounts = networkFileSystems(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')))
  if (mounts.length === 0) return
  const told = mounts.map(({ point, type }) => `${point} (${type})`).join(', ')
  stderr.write(
    `tidegate: file systems over the network are no part of the wire, and what the job writes there leaves: ${told}\n`,
  )
}

const longestWarning = 2_000
const rootUser: RunUser = { uid: 0, gid: 0, groups: [0], environment: {} }

function exitCodeOf({ code }: GatewayError): number {
  if (code === 'COMMAND_NOT_FOUND') return 127
  if (code === 'COMMAND_NOT_EXECUTABLE') return 126
  return notProtected
}

/** Record, gateway, command: opened in this order, ended in reverse; then the report. */
async function protect(prepared: Prepared, tools: ReturnType<typeof checkMachine>, io: Io): Promise<number> {
  const { args, policy, baseline, out, user, environment } = prepared
  // An error may quote what the job or an origin sent.
  const warn = (text: string): void => void io.stderr.write(`tidegate: ${printable(text, longestWarning)}\n`)
  // Nobody can read metrics that are not served.
  const metrics = args.metrics === undefined ? noMetrics : (await import('../observe/metrics.ts')).openMetrics(version)
  using gauges = metrics.openJob()
  const { job } = args
  const watched = await openWatchedRecord({ dir: out, job, policy, version, metrics, gauges, warn })
  const { record, enforcement, degrade } = watched
  io.fault.addEventListener('abort', () => degrade('internal-error', messageOf(io.fault.reason)), { once: true })
  const signal = AbortSignal.any([io.signal, io.fault])
  const startOptions = {
    job,
    policy,
    tools,
    record,
    metrics,
    gauges,
    environment,
    cwd: io.cwd,
    out,
    user,
    baseline,
    hidden: [defaultRecords],
    onDegraded: degrade,
    onWarning: warn,
  }
  let code = notProtected
  let isProved = false
  let protector: Gateway | undefined
  try {
    const shown = canShowProgress(io.stderr, io.env, false)
    using progress = openProgress(io.stderr, shown, unixNow)
    progress.phase('laying the wire')
    const notReady = (): readonly string[] => (isProved ? [] : ['the wire is not proved yet'])
    await using _admin = await startOrSeal(serveMetrics(args, { metrics, notReady }, signal), record)
    await using gateway = await startOrSeal(start(startOptions, signal), record)
    isProved = true
    protector = gateway
    progress.clear()
    using _memory = openIdleMemory()
    using _status = openStatusLine(io.stderr, shown, record.counts, unixNow)
    code = await runCommand(gateway, prepared, io)
  } catch (cause) {
    if (!isProved) throw cause
    // The command could not be started, or something of ours not be ended: the record is whole all the same, and says so.
    degrade('internal-error', messageOf(cause))
  }
  // Asked when the gateway has ended: what is found at the very end counts too.
  const failed = protector?.failures() ?? []
  return conclude(await record.seal(), { code, out, wasDegraded: enforcement.wasDegraded, failed, args, policy }, io)
}

/** A start that fails is the end of the record too. */
async function startOrSeal<Part>(starting: Promise<Part>, record: JobRecord): Promise<Part> {
  try {
    return await starting
  } catch (cause) {
    record.degrade('not-proved', messageOf(cause))
    await record.seal()
    throw cause
  }
}

async function serveMetrics(
  { metrics: at }: RunArguments,
  served: { readonly metrics: Metrics; readonly notReady: () => readonly string[] },
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  if (at === undefined) return { [Symbol.asyncDispose]: async () => undefined }
  const { openAdmin } = await import('../observe/admin.ts')
  return openAdmin({ host: at.address, port: at.port, ...served }, signal)
}

interface Outcome {
  readonly code: number
  readonly out: string
  readonly wasDegraded: boolean
  /** Why the run fails whatever the command's exit, as the policy wants it. */
  readonly failed: readonly string[]
  readonly args: RunArguments
  readonly policy: Policy
}

/** Prints the report and finds the exit code: protection first, then what fails a run, then the command's own. */
function conclude({ summary, intact }: RecordEnd, outcome: Outcome, io: Io): number {
  const { code, out, wasDegraded, failed, args, policy } = outcome
  io.stderr.write(
    `\n${renderBrief(summary, terminalFor(io.stderr, io.env))}${whereToGoOn(out, summary.totals.flows.observe, io.cwd)}`,
  )
  const unprotected = wasDegraded || !intact
  if (unprotected && policy.mode === 'block') return notProtected
  if (failed.length > 0 || (args.failOnDeny && summary.totals.flows.deny > 0)) return somethingDenied
  return code
}

function whereToGoOn(out: string, observed: number, cwd: string): string {
  const near = relative(cwd, out)
  const folder = near === '' || near.startsWith('..') ? out : near
  const next = observed > 0 ? `A policy for it: tidegate suggest ${folder}\n` : ''
  return `Log and whole report: ${folder}/\n${next}`
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
