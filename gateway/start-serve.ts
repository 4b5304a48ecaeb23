import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loadPolicies } from './config/policies.ts'
import type { Config } from './config/schema.ts'
import { GatewayError } from './errors.ts'
import { openAdmin } from './observe/admin.ts'
import type { Logger } from './observe/logger.ts'
import { openMetrics } from './observe/metrics.ts'
import { jobOpener } from './open-served-job.ts'
import { sweepOrphans } from './packet/gateway-end.ts'
import { releaseFreeMemory } from './packet/libc.ts'
import { run } from './packet/run.ts'
import { stateDirectory } from './packet/slots.ts'
import { chooseSteering } from './packet/steering.ts'
import { openControlServer } from './serve/control-server.ts'
import { Registry } from './serve/registry.ts'
import { prepareRunFolder } from './serve/run-folder.ts'
import { checkServeMachine } from './serve-preflight.ts'
import { loadBaselines } from './served-baselines.ts'
import { sweep } from './sweep.ts'

/** What a gateway of many jobs is started with. */
export interface ServeStart {
  readonly config: Config
  readonly log: Logger
  /** Of tidegate. */
  readonly version: string
}

/** A gateway that serves many jobs. Disposing takes no more of them, ends those that are here and seals their records. */
export interface Serving extends AsyncDisposable {
  /** Reads all policies and baselines again. Any fault keeps those that are in force; never rejects. */
  reload(): Promise<void>
  /** Ends every job with a record that says why: a fault of our own. */
  fail(cause: unknown): Promise<void>
}

/** Looks at the packet filters of all jobs together come no more often than this. */
const turnMs = 250
/** The start's own memory is given back when it is over. */
const settleMs = 1_000

/**
 * Starts a gateway that serves many jobs. All that can be wrong is found before the control socket opens.
 * @throws GatewayError POLICY_INVALID, POLICY_UNREADABLE, LOCK_INVALID, CAPABILITY_MISSING, TOOL_MISSING, NFT_REJECTED, OUT_UNWRITABLE,
 * PORT_IN_USE, SOCKET_FAILED …; then nothing is left
 */
export async function startServe({ config, log, version }: ServeStart, signal: AbortSignal): Promise<Serving> {
  const policies = await loadPolicies(config)
  let baselines = await loadBaselines(config)
  checkServeMachine()
  const state = stateDirectory()
  const steering = config.steering === 'auto' ? await chooseSteering(run, signal) : config.steering
  await sweep(state)
  await sweepOrphans(run, state)
  closeGates(config)
  await using starting = new AsyncDisposableStack()
  const metrics = openMetrics(version)
  const stopping = new AbortController()
  // A look is a program, some 5 ms each of ours and its own: with many jobs they take turns.
  const lookEveryMs = (): number => Math.max(1_000, registry.size * turnMs)
  const host = {
    config,
    baselines: () => baselines,
    steering,
    metrics,
    log,
    version,
    state,
    lookEveryMs,
    signal: stopping.signal,
  }
  const onFault = (cause: unknown): void =>
    log.error({ error: cause instanceof Error ? cause.stack : String(cause) }, 'internal error')
  const registry = new Registry({
    config,
    policies,
    open: jobOpener(host),
    onEvent: (job, what, facts) => log.info({ job, ...facts }, what),
    onFault,
  })
  let isListening = false
  const notReady = (): readonly string[] => (isListening ? [] : ['the control socket is not open'])
  if (config.admin !== undefined) starting.use(await openAdmin({ ...config.admin, metrics, notReady }, signal))
  // Ended before the control socket closes: whoever waits for a wire is told that none comes.
  const answer: Registry['answer'] = (request, from) => registry.answer(request, from)
  starting.use(await openControlServer({ path: config.control, answer, onFault }, signal))
  isListening = true
  starting.defer(() => registry.stop())
  const settling = setTimeout(releaseFreeMemory, settleMs).unref()
  starting.defer(() => clearTimeout(settling))
  log.info({ version, control: config.control, steering, jobs: Object.keys(config.jobs) }, 'ready')
  const owned = starting.move()
  return {
    async reload() {
      try {
        const [read, locks] = await Promise.all([loadPolicies(config), loadBaselines(config)])
        await registry.replacePolicies(read)
        baselines = locks
        metrics.policiesCurrent(true)
        log.info('policies reloaded')
      } catch (cause) {
        metrics.policiesCurrent(false)
        log.error(factsOf(cause), 'policies not reloaded: those of before stay in force')
      }
    },
    async fail(cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      await registry.stop(new GatewayError('GATEWAY_STOPPING', `a fault of the gateway's own: ${why}`))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Gates that a gateway which was killed left open lead to wires that are no more; those of jobs known by name are put up. */
function closeGates({ runDirectory, jobs }: Config): void {
  const folders = existsSync(runDirectory) ? readdirSync(runDirectory).map(name => join(runDirectory, name)) : []
  for (const folder of folders) rmSync(join(folder, 'ready'), { force: true })
  for (const [job, entry] of Object.entries(jobs)) {
    if (!job.includes('*')) prepareRunFolder(entry.run ?? join(runDirectory, job))
  }
}

function factsOf(cause: unknown): Readonly<Record<string, unknown>> {
  if (!(cause instanceof GatewayError)) return { error: cause instanceof Error ? cause.stack : String(cause) }
  return { error: cause.code, why: cause.message, ...cause.details }
}
