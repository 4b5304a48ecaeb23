import type { Authority } from './ca/authority.ts'
import { LeafMint } from './ca/leaf.ts'
import type { QuestionLimits } from './dns/question-log.ts'
import { openDnsServer } from './dns/server.ts'
import type { UpstreamResolver } from './dns/upstream.ts'
import { Door, type DoorLimits, endpointsOf } from './door/door.ts'
import { listen } from './door/listen.ts'
import type { Job } from './jobs/job.ts'
import { openVirtualAddresses } from './jobs/virtual-addresses.ts'
import { handshakeOutcome, measuredConnect, measuredTls } from './measured.ts'
import { parseCidr, renderCidr } from './net/cidr.ts'
import { parsePort } from './net/port.ts'
import type { JobGauges } from './observe/job-gauges.ts'
import type { Metrics } from './observe/metrics.ts'
import { DatagramBatch } from './packet/datagram-batch.ts'
import { redirectedEnds } from './packet/original-destination.ts'
import type { TableReading } from './packet/table-reading.ts'
import type { ChangeableRules } from './packet/table.ts'
import { openUdpFront, type UdpLimits } from './packet/udp-front.ts'
import type { Wire } from './packet/wire.ts'
import type { Policy } from './policy/policy.ts'
import { udpDestinations } from './policy/udp-destinations.ts'
import { unixNow } from './record/unix-now.ts'
import type { Degradation } from './record/vocabulary.ts'
import { dial } from './upstream/dial.ts'
import { DialLimit } from './upstream/dial-limit.ts'
import { openOriginTls } from './upstream/origin-tls.ts'
import { openOrigins } from './upstream/origins.ts'
import { openWatch } from './watch.ts'

/** Virtual addresses of a job: one name each (design: 198.18.0.0/15 is nobody's, RFC 2544). */
const virtualPool = '198.18.0.0/16'

/** What one job may have at once, where it is not the default. */
export interface JobLimits {
  readonly door?: Partial<DoorLimits>
  readonly dns?: Partial<QuestionLimits>
  readonly dnsConnections?: number
  readonly udp?: Partial<UdpLimits>
  /** Connections to the outside that are being opened. */
  readonly dials?: number
}

/** What a wire is served with. */
export interface ServeOptions {
  readonly wire: Wire
  readonly job: Job
  /** What the proof of the wire had counted: none of the job's. */
  readonly since: TableReading
  readonly authority: Authority
  /** DER: what origins are verified against. */
  readonly roots: readonly Uint8Array[]
  readonly resolver: UpstreamResolver
  readonly metrics: Metrics
  readonly gauges: JobGauges
  /** Milliseconds between two looks at the packet filter; default 1,000. */
  readonly lookEveryMs?: () => number
  readonly limits?: JobLimits
  /** The time, by the clock of the job's record. */
  readonly now: () => number
  /** Told once when the machine's clock was set. */
  readonly onClockSet: (note: string) => void
  /** Told when the protection is less than promised, as often as it is seen. */
  readonly onDegraded: (kind: Degradation, note: string) => void
  /** Told of facts for whoever runs the gateway. */
  readonly onWarning: (text: string) => void
}

/** A wire that is served. Disposing ends every flow, writes it down, and leaves the wire to its owner. */
export interface Served extends AsyncDisposable {
  /** Takes no more connections; those that are open go on. */
  stop(): void
  /** Waits, when the job has ended, until what it had sent has gone out, for a bounded time. */
  drained(): Promise<void>
}

/**
 * Serves the proved wire of one job: its DNS, its front door, its UDP, and the watch over its packet filter. The same for a
 * job on this machine (`run`) and for each of many (`serve`).
 * @throws GatewayError PORT_IN_USE, SOCKET_FAILED; then nothing is served
 */
export async function serveWire(options: ServeOptions, signal: AbortSignal): Promise<Served> {
  const { wire, job, authority, resolver, metrics, gauges, now, limits = {}, onWarning } = options
  await using starting = new AsyncDisposableStack()
  const connect = measuredConnect(metrics)
  const tls = measuredTls(openOriginTls(options.roots), metrics)
  const dials = new DialLimit(limits.dials ?? Infinity)
  const origins = starting.use(openOrigins({ job, resolver, tls, connect, dials }))
  const mint = new LeafMint(authority, { onIssued: () => metrics.leafMinted() })
  const dns = starting.use(
    await openDnsServer(
      {
        job,
        bind: {
          address: wire.gatewayAddress,
          port: 0,
          descriptors: {
            udp: wire.dnsUdp.descriptor(),
            tcp: wire.dnsTcp.descriptor(),
            batch: onFull => new DatagramBatch(wire.dnsUdp.descriptor(), { onFull }),
          },
        },
        upstream: resolver,
        now,
        onAnswer: (source, durationMs) => metrics.dnsAnswered(source, durationMs / 1_000),
        ...(limits.dns === undefined ? {} : { questions: limits.dns }),
        ...(limits.dnsConnections === undefined ? {} : { tcp: { connections: limits.dnsConnections } }),
      },
      signal,
    ),
  )
  const door = starting.use(
    new Door({
      job,
      mint,
      origins,
      dial: (target, stop) => dials.run(() => dial(target, resolver, stop, connect)),
      serveDnsTcp: socket => void dns.serveTcpConnection(socket),
      onHandshake: outcome => metrics.handshake('client', handshakeOutcome(outcome)),
      onFault: cause => onWarning(`a connection was cut by a fault of ours: ${messageOf(cause)}`),
      endpointsOf: wire.steering === 'tproxy' ? endpointsOf : redirectedEnds,
      ...(limits.door === undefined ? {} : { limits: limits.door }),
    }),
  )
  const listening = starting.use(await listen(wire.door.descriptor(), door, signal))
  const udpFront = starting.use(openUdpFront({ job, resolver }, limits.udp))
  wire.serveUdp(datagram => udpFront.receive(datagram))
  const { since, lookEveryMs, onClockSet, onDegraded } = options
  starting.use(openWatch({ wire, job, since, gauges, lookEveryMs, now, onClockSet, onDegraded }))
  gauges.attached()
  const owned = starting.move()
  return {
    stop: () => listening.stop(),
    async drained() {
      await Promise.all([door.drained(), udpFront.drained()])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The virtual addresses of one job; no setting of the machine's clock makes one give way. */
export function openNames(): ReturnType<typeof openVirtualAddresses> {
  return openVirtualAddresses({ pool: requireCidr(virtualPool), now: unixNow })
}

/** What the packet filter must know of a policy. UDP to names is UDP to virtual addresses: which one, the front door knows. */
export function packetRules(policy: Policy): ChangeableRules {
  const udpRanges = udpDestinations(policy).flatMap(({ to, ports }) => {
    const [from, upTo] = [parsePort(ports.from), parsePort(ports.to)]
    if (from === undefined || upTo === undefined || to?.base.includes(':') === true) return []
    return [{ to: to === undefined ? virtualPool : renderCidr(to), from, upTo }]
  })
  return { mode: policy.mode, udpRanges }
}

function requireCidr(text: string) {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new TypeError(`not a block of addresses: ${text}`)
  return cidr
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
