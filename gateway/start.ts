import { mkdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type JobPlace, openJobPlace } from '../sidecar-init/launch.ts'
import type { Tools } from '../sidecar-init/preflight.ts'
import { proveWire } from '../sidecar-init/prove.ts'
import { Authority } from './ca/authority.ts'
import { LeafMint } from './ca/leaf.ts'
import type { EnvironmentChanges, OuterEnvironment } from './ca/trust-environment.ts'
import { parseResolvConf } from './dns/resolv-conf.ts'
import { openDnsServer } from './dns/server.ts'
import { openUpstreamResolver } from './dns/upstream.ts'
import { Door } from './door/door.ts'
import { listen } from './door/listen.ts'
import { GatewayError } from './errors.ts'
import { openAttribution } from './jobs/attribution.ts'
import { openVirtualAddresses } from './jobs/virtual-addresses.ts'
import { WiredJob } from './jobs/wired-job.ts'
import { handshakeOutcome, measuredConnect, measuredTls } from './measured.ts'
import { parseCidr, renderCidr } from './net/cidr.ts'
import { parsePort } from './net/port.ts'
import type { Metrics } from './observe/metrics.ts'
import { sweepGone } from './packet/gone-namespaces.ts'
import { sweepDead } from './packet/links.ts'
import { releaseFreeMemory } from './packet/libc.ts'
import type { UdpRange } from './packet/ruleset.ts'
import { run } from './packet/run.ts'
import { claimSlot, stateDirectory } from './packet/slots.ts'
import { openUdpFront } from './packet/udp-front.ts'
import { openWire } from './packet/wire.ts'
import type { Policy } from './policy/policy.ts'
import { udpDestinations } from './policy/udp-destinations.ts'
import type { JobRecord } from './record/job-record.ts'
import type { Degradation } from './record/vocabulary.ts'
import { dial } from './upstream/dial.ts'
import { openOriginTls } from './upstream/origin-tls.ts'
import { openOrigins } from './upstream/origins.ts'
import { openTrust } from './trust.ts'
import { openWatch } from './watch.ts'

/** Virtual addresses of a job: one name each (design: 198.18.0.0/15 is nobody's, RFC 2544). */
const virtualPool = '198.18.0.0/16'
/** Where the job's folder is made. */
const jobFolders = '/run/tidegate/jobs'
const caLifetimeHours = 24
/** The job has begun by then, and has its own to wait for. */
const settleMs = 1_000

/** What the gateway of one job is started with. */
export interface StartOptions {
  readonly job: string
  readonly policy: Policy
  readonly tools: Tools
  /** Opened by the caller, who seals it after the gateway has ended. */
  readonly record: JobRecord
  readonly metrics: Metrics
  /** The environment that the job would have had. */
  readonly environment: OuterEnvironment
  readonly cwd: string
  readonly user: { readonly uid: number; readonly gid: number }
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
  const opening = openJobPlace(tools, view, signal)
  const wiring = openWire({
    run,
    slot,
    jobPid: opening.then(({ initPid }) => initPid),
    mode: policy.mode,
    udpRanges: udpRanges(policy),
    signal,
  })
  const authority = new Authority({ job: options.job, lifetimeHours: caLifetimeHours, now: Date.now() })
  const trusting = openTrust(authority, shown, {
    environment,
    extraCa: policy.tls.extraCa,
    onWarning: options.onWarning,
  })
  const resolving = openResolver()
  const [place, wire, trust, resolver] = await settleAll(starting, [opening, wiring, trusting, resolving])

  const attribute = openAttribution({
    sockets: wire.sockets,
    procRoot: `/proc/${place.initPid}/root/proc`,
    failed: cause => options.onWarning(`the kernel cannot be asked who owns a socket: ${messageOf(cause)}`),
  })
  const names = openVirtualAddresses({ pool: requireCidr(virtualPool) })
  const job = new WiredJob({ name: options.job, policy, address: wire.jobAddress, names, record, attribute })
  const connect = measuredConnect(metrics)
  const tls = measuredTls(openOriginTls(trust.roots), metrics)
  const origins = starting.use(openOrigins({ job, resolver, tls, connect }))
  const mint = new LeafMint(authority, { onIssued: () => metrics.leafMinted() })

  const proof = await proveWire(wire, place, policy.mode, signal)

  const dns = starting.use(
    await openDnsServer(
      {
        job,
        bind: {
          address: wire.gatewayAddress,
          port: 0,
          descriptors: { udp: wire.dnsUdp.descriptor(), tcp: wire.dnsTcp.descriptor() },
        },
        upstream: resolver,
        onAnswer: (source, durationMs) => metrics.dnsAnswered(source, durationMs / 1_000),
      },
      signal,
    ),
  )
  const door = starting.use(
    new Door({
      job,
      mint,
      origins,
      dial: (target, stop) => dial(target, resolver, stop, connect),
      serveDnsTcp: socket => void dns.serveTcpConnection(socket),
      onHandshake: outcome => metrics.handshake('client', handshakeOutcome(outcome)),
      onFault: cause => options.onWarning(`a connection was cut by a fault of ours: ${messageOf(cause)}`),
    }),
  )
  starting.use(await listen(wire.door.descriptor(), door, signal))
  const udpFront = starting.use(openUdpFront({ job, resolver }))
  wire.serveUdp(datagram => udpFront.receive(datagram))
  starting.use(openWatch({ wire, job, since: proof.reading, metrics, onDegraded: options.onDegraded }))

  metrics.jobsAttached(1)
  metrics.ownJob(options.job, policy.digest)
  starting.defer(() => metrics.jobsAttached(0))
  record.note('proved', { details: { checks: proof.checks } })
  const settling = setTimeout(releaseFreeMemory, settleMs).unref()
  starting.defer(() => clearTimeout(settling))
  const owned = starting.move()
  return {
    place,
    trust: trust.environment,
    proof: proof.checks,
    async [Symbol.asyncDispose]() {
      // What is left of the job first, so that the flows it leaves are still seen and written down.
      await place[Symbol.asyncDispose]()
      await Promise.all([door.drained(), udpFront.drained()])
      await owned.disposeAsync()
    },
  }
}

/** Tidies up after gateways that were killed: wires, tables, folders; of network namespaces that are gone, what is left elsewhere. */
async function sweep(state: string): Promise<void> {
  const here = (await sweepDead(run, state)).map(id => `${basename(state)}-${id}`)
  const gone = sweepGone(dirname(state))
  for (const name of [...here, ...gone]) await rm(`${jobFolders}/${name}`, { recursive: true, force: true })
}

/**
 * Waits for all of them and owns what they open, in the order given, also when one fails: then the first failure is thrown
 * when the others have settled, so that nothing is opened after we have tidied up.
 */
async function settleAll<const T extends readonly Promise<object>[]>(
  stack: AsyncDisposableStack,
  opening: T,
): Promise<{ -readonly [Key in keyof T]: Awaited<T[Key]> }> {
  const settled = await Promise.allSettled(opening)
  for (const outcome of settled) {
    if (outcome.status === 'fulfilled' && isAsyncDisposable(outcome.value)) stack.use(outcome.value)
  }
  const failed = settled.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return Promise.all(opening)
}

function isAsyncDisposable(value: object): value is AsyncDisposable {
  return Symbol.asyncDispose in value
}

async function openResolver() {
  const { servers, ...patience } = parseResolvConf(await readResolvConf())
  return openUpstreamResolver({ servers, patience })
}

async function readResolvConf(): Promise<string> {
  try {
    return await readFile('/etc/resolv.conf', 'utf8')
  } catch (cause) {
    throw new GatewayError('NO_RESOLVER', '/etc/resolv.conf cannot be read: the gateway has no resolver to ask', {
      cause,
    })
  }
}

/** What the packet filter must hand to the UDP front door. Names are virtual addresses: which one, the front door knows. */
function udpRanges(policy: Policy): readonly UdpRange[] {
  return udpDestinations(policy).flatMap(({ to, ports }) => {
    const [from, upTo] = [parsePort(ports.from), parsePort(ports.to)]
    if (from === undefined || upTo === undefined || to?.base.includes(':') === true) return []
    return [{ to: to === undefined ? virtualPool : renderCidr(to), from, upTo }]
  })
}

function requireCidr(text: string) {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new TypeError(`not a block of addresses: ${text}`)
  return cidr
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
