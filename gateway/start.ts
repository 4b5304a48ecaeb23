import { mkdir, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { type JobPlace, openJobPlace } from '../sidecar-init/launch.ts'
import type { Tools } from '../sidecar-init/preflight.ts'
import { proveWire } from '../sidecar-init/prove.ts'
import type { Baseline } from './baseline/open.ts'
import { Authority } from './ca/authority.ts'
import type { EnvironmentChanges, OuterEnvironment } from './ca/trust-environment.ts'
import type { TakeOutput } from './insight/part.ts'
import { openAttribution } from './jobs/attribution.ts'
import { allProcesses } from './jobs/job-processes.ts'
import { PolicyInForce } from './jobs/policy-in-force.ts'
import { WiredJob } from './jobs/wired-job.ts'
import { openMachineResolver } from './machine-resolver.ts'
import type { JobGauges } from './observe/job-gauges.ts'
import type { Metrics } from './observe/metrics.ts'
import { openInsight } from './open-insight.ts'
import { run } from './packet/run.ts'
import { claimSlot, stateDirectory } from './packet/slots.ts'
import { requireSteering } from './packet/steering.ts'
import { openWire } from './packet/wire.ts'
import type { Policy } from './policy/policy.ts'
import type { JobRecord } from './record/job-record.ts'
import type { Degradation } from './record/vocabulary.ts'
import { openNames, packetRules, serveWire } from './serve-wire.ts'
import { settleAll } from './settle-all.ts'
import { jobFolders, sweep } from './sweep.ts'
import { openTrust } from './trust.ts'

const caLifetimeHours = 24

/** What the gateway of one job is started with. */
export interface StartOptions {
  readonly job: string
  readonly policy: Policy
  readonly tools: Tools
  /** Opened by the caller, who seals it after the gateway has ended. */
  readonly record: JobRecord
  readonly metrics: Metrics
  readonly gauges: JobGauges
  /** The environment that the job would have had. */
  readonly environment: OuterEnvironment
  readonly cwd: string
  /** Where the record lies. */
  readonly out: string
  readonly user: { readonly uid: number; readonly gid: number }
  /** What the job is compared with, if anything. */
  readonly baseline: Baseline | undefined
  /** Folders that the job sees empty: where records lie. */
  readonly hidden: readonly string[]
  /** Told when the protection is less than promised, as often as it is seen. */
  readonly onDegraded: (kind: Degradation, note: string) => void
  /** Told of facts that the user should hear before the job starts. */
  readonly onWarning: (text: string) => void
}

/** The running gateway of one job; the job's command can be started in `place`. Disposing ends all of it, the job first. */
export interface Gateway extends AsyncDisposable {
  readonly place: JobPlace
  /** What the job's environment needs so that its toolchains trust the gateway. */
  readonly trust: EnvironmentChanges
  /** Takes what the command writes to its output; undefined when nobody wants it. */
  readonly output: TakeOutput | undefined
  /** Why the run must end with a failure, whatever the command's exit. */
  readonly failures: () => readonly string[]
  /** What was proved about the wire, one sentence each. */
  readonly proof: readonly string[]
}

/**
 * Starts the gateway of one job: lays the wire, proves it, and serves it. What does not depend on each other runs at the
 * same time: a build waits for this.
 * @throws GatewayError when any part cannot be had; then nothing is left behind
 */
export async function start(options: StartOptions, signal: AbortSignal): Promise<Gateway> {
  const { policy, record, metrics, tools } = options
  await using starting = new AsyncDisposableStack()
  const state = stateDirectory()
  await sweep(state)
  const slot = starting.use(claimSlot(state))
  const folder = `${jobFolders}/${basename(state)}-${slot.id}`
  starting.defer(() => rm(folder, { recursive: true, force: true }))
  const shown = `${folder}/shown`
  await mkdir(shown, { recursive: true, mode: 0o755 })

  const { uid, gid } = options.user
  const { environment, cwd } = options
  const view = {
    runDirectory: shown,
    staging: `${folder}/staging`,
    nameserver: slot.gatewayAddress,
    cwd,
    uid,
    gid,
    environment,
    hidden: options.hidden,
  }
  const { mode, udpRanges } = packetRules(policy)
  const opening = openJobPlace(tools, view, signal)
  const wiring = openWire({
    run,
    slot,
    jobPid: opening.then(({ initPid }) => initPid),
    mode,
    steering: 'auto',
    udpRanges,
    signal,
  })
  const authority = new Authority({ job: options.job, lifetimeHours: caLifetimeHours, now: Date.now() })
  const trusting = openTrust(authority, shown, {
    environment,
    extraCa: policy.tls.extraCa,
    onWarning: options.onWarning,
  })
  const resolving = openMachineResolver(() => record.now())
  const [place, wire, trust, resolver] = await settleAll(starting, [opening, wiring, trusting, resolving])

  requireSteering(wire.steering, udpRanges)

  const attribute = openAttribution({
    sockets: wire.sockets,
    processes: allProcesses(place.procRoot),
    failed: cause => options.onWarning(`the kernel cannot be asked who owns a socket: ${messageOf(cause)}`),
  })
  const inForce = new PolicyInForce(policy)
  const looking = starting.use(
    await openInsight(
      {
        job: options.job,
        policy: () => inForce.current,
        cwd,
        out: options.out,
        procRoot: place.procRoot,
        jobFolder: shown,
        environment,
        alarm: alarm => record.alarm(alarm),
        write: event => record.write(event),
        closeNetwork: () => {
          if (inForce.current.mode !== 'block') return
          inForce.close()
          record.policyChanged(inForce.current, 'job')
        },
        onWarning: options.onWarning,
      },
      artifact => record.writeArtifact(artifact),
      options.baseline,
    ),
  )
  const { insight } = looking
  const { jobAddress: address } = wire
  const job = new WiredJob({
    name: options.job,
    policy: inForce,
    address,
    names: openNames(),
    record,
    attribute,
    insight,
  })
  const proof = await proveWire(wire, place, policy.mode, signal)
  const { roots } = trust
  const { gauges, onDegraded, onWarning } = options
  const onClockSet = (note: string): void => record.note('checkpoint', { details: { note } })
  const told = { onClockSet, onDegraded, onWarning }
  const served = starting.use(
    await serveWire(
      {
        wire,
        job,
        since: proof.reading,
        authority,
        roots,
        resolver,
        metrics,
        gauges,
        now: () => record.now(),
        ...told,
      },
      signal,
    ),
  )
  metrics.ownJob(options.job, policy.digest)
  record.note('proved', { details: { checks: proof.checks } })
  const owned = starting.move()
  return {
    place,
    trust: { ...trust.environment, ...looking.environment },
    output: looking.output,
    failures: looking.failures,
    proof: proof.checks,
    async [Symbol.asyncDispose]() {
      try {
        // What is left of the job first, so that the flows it leaves are still seen and written down.
        await place[Symbol.asyncDispose]()
        await served.drained()
      } finally {
        await owned.disposeAsync()
      }
    },
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
