import { randomBytes } from 'node:crypto'
import { rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Authority } from './ca/authority.ts'
import { unknownEnvironment } from './ca/trust-environment.ts'
import { entryOf } from './config/policies.ts'
import type { Config } from './config/schema.ts'
import { defaultWaitMs } from './control/protocol.ts'
import { fileFault, GatewayError } from './errors.ts'
import type { Attribute } from './jobs/attribution.ts'
import { PolicyInForce } from './jobs/policy-in-force.ts'
import { openProcAttribution } from './jobs/proc-attribution.ts'
import { WiredJob } from './jobs/wired-job.ts'
import { openMachineResolver } from './machine-resolver.ts'
import { logSink, type Logger } from './observe/logger.ts'
import type { Metrics } from './observe/metrics.ts'
import { sweepOrphans } from './packet/gateway-end.ts'
import { openProbe } from './packet/probe.ts'
import type { Steering } from './packet/ruleset.ts'
import { type JobInsight, openInsight } from './open-insight.ts'
import { run } from './packet/run.ts'
import { claimSlot } from './packet/slots.ts'
import { requireSteering } from './packet/steering.ts'
import { expectWire } from './packet/wire.ts'
import { openNames, packetRules } from './serve-wire.ts'
import type { Baselines } from './served-baselines.ts'
import type { JobToOpen, OpenedJob, OpenJob } from './serve/opened-job.ts'
import { openRunFolder } from './serve/run-folder.ts'
import { ServedJob } from './served-job.ts'
import { settleAll } from './settle-all.ts'
import { openTrust } from './trust.ts'
import { openWatchedRecord, type WatchedRecord } from './watched-record.ts'

/** What all jobs of a gateway have in common. */
export interface JobHost {
  readonly config: Config
  /** As they were read last. */
  readonly baselines: () => Baselines
  readonly steering: Steering
  readonly metrics: Metrics
  readonly log: Logger
  /** Of tidegate. */
  readonly version: string
  /** Where the slots of this network namespace are written down. */
  readonly state: string
  /** Milliseconds between two looks at the packet filter of one job. */
  readonly lookEveryMs: () => number
  /** Aborted when the gateway gives up what it is starting. */
  readonly signal: AbortSignal
}

/**
 * Opens jobs of this gateway: everything of a job but the wire's device is there when it resolves, and answers probes.
 * What fails is noted in a record of the job's own, and leaves nothing else.
 */
export function jobOpener(host: JobHost): OpenJob {
  return async asked => {
    const { policy, request } = asked
    const { job } = request
    requireSteering(host.steering, packetRules(policy).udpRanges)
    await sweepOrphans(run, host.state)
    const log = host.log.child({ job })
    const warn = (text: string): void => log.warn(text)
    await using starting = new AsyncDisposableStack()
    const gauges = starting.use(host.metrics.openJob())
    const started = new Date().toISOString().replaceAll(':', '')
    const watched = await openWatchedRecord({
      dir: join(host.config.logDirectory, job, started),
      job,
      policy,
      version: host.version,
      metrics: host.metrics,
      gauges,
      extraSinks: [logSink(log)],
      maxLogBytes: host.config.limits.logMiB * 1_048_576,
      warn,
    })
    try {
      await linkLatest(join(host.config.logDirectory, job), started)
      const opened = await openSide(asked, { ...host, warn, gauges, watched }, starting)
      return opened(starting.move())
    } catch (cause) {
      watched.record.degrade('not-proved', cause instanceof Error ? cause.message : String(cause))
      await starting.disposeAsync()
      await watched.record.seal()
      throw cause
    }
  }
}

/** `latest` leads to a job's newest record; by rename, so that it always leads to one. */
async function linkLatest(folder: string, started: string): Promise<void> {
  const draft = join(folder, `.latest.${randomBytes(6).toString('hex')}`)
  try {
    await symlink(started, draft)
    await rename(draft, join(folder, 'latest'))
  } catch (cause) {
    throw new GatewayError('OUT_UNWRITABLE', `cannot write ${join(folder, 'latest')}: ${fileFault(cause)}`, { cause })
  }
}

interface Side extends JobHost {
  readonly warn: (text: string) => void
  readonly gauges: ReturnType<Metrics['openJob']>
  readonly watched: WatchedRecord
}

/** The gateway's side of one job, owned by `starting`; what it returns takes over what `starting` owns. */
async function openSide(
  { request, policy, runFolder }: JobToOpen,
  host: Side,
  starting: AsyncDisposableStack,
): Promise<(owned: AsyncDisposableStack) => OpenedJob> {
  const { config, steering, signal, watched } = host
  const { job: name, netns, waitMs = defaultWaitMs } = request
  const folder = starting.use(openRunFolder(runFolder))
  const slot = starting.use(claimSlot(host.state))
  const authority = new Authority({ job: name, lifetimeHours: config.caLifetimeHours, now: Date.now() })
  const inForce = new PolicyInForce(policy)
  const looking = starting.use(await lookAtServed(request, inForce, host))
  const [wire, trust, resolver] = await settleAll(starting, [
    expectWire({ run, slot, ...packetRules(policy), steering, signal }),
    openTrust(authority, runFolder, {
      environment: unknownEnvironment,
      added: looking.environment,
      extraCa: policy.tls.extraCa,
      onWarning: host.warn,
    }),
    openMachineResolver(() => watched.record.now()),
  ])
  if (steering === 'redirect' && policy.mode === 'audit')
    host.warn('this kernel has no TPROXY: UDP other than DNS is refused, although the policy only observes')
  const parts = { name, policy: inForce, address: wire.jobAddress, names: openNames(), record: watched.record }
  // Who is behind a connection is known where the gateway may look into the job's container.
  const attribute: Attribute = netns === undefined ? async () => undefined : openProcAttribution({ netns })
  const job = new WiredJob({ ...parts, attribute, insight: looking.insight })
  // 128 bits: nobody but the reader of the plan can know them.
  const probeKey = randomBytes(16).toString('hex')
  const probing = starting.use(await openProbe(wire, probeKey, signal))
  const { gauges, lookEveryMs, metrics, warn } = host
  const { roots } = trust
  return owned =>
    new ServedJob(
      {
        wire,
        job,
        inForce,
        looking,
        folder,
        authority,
        roots,
        resolver,
        probeKey,
        probing,
        gauges,
        lookEveryMs,
        metrics,
        watched,
        warn,
        config,
        waitMs,
      },
      owned,
    )
}

/** What the policy asks to look at, as far as it can be seen from beside the job's containers. */
function lookAtServed(
  { job, netns }: JobToOpen['request'],
  inForce: PolicyInForce,
  { config, baselines, watched, warn }: Side,
): Promise<JobInsight> {
  const { record } = watched
  const { workspaceDirectory } = config
  return openInsight(
    {
      job,
      policy: () => inForce.current,
      // Of the job's folders we see those that a volume shows, and where, no process of its own could tell.
      cwd: undefined,
      workspace: entryOf(config, job).workspace ?? (workspaceDirectory && join(workspaceDirectory, job)),
      netns,
      out: record.folder,
      procRoot: undefined,
      environment: {},
      alarm: alarm => record.alarm(alarm),
      write: event => record.write(event),
      closeNetwork: () => {
        if (inForce.current.mode === 'block') inForce.close()
      },
      onWarning: warn,
    },
    artifact => record.writeArtifact(artifact),
    baselines().of(job, warn),
  )
}
