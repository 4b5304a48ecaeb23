import process from 'node:process'
import type { FlowEvent, Sink } from '../record/event.ts'
import { alarmText } from '../record/vocabulary.ts'
import type { LogObserver } from '../record/job-log.ts'
import { durations } from './durations.ts'
import { counter, gauge, newRegistries } from './families.ts'
import { type JobGauges, JobGaugeSet } from './job-gauges.ts'
import { families } from './metric-families.ts'

/** The gateway's metrics. Raising one costs well under a microsecond, so the data path may call each of these per flow. */
export interface Metrics {
  /** Counts flows from finished events. */
  readonly sink: Sink
  /** Counts lines and outages of logs. */
  readonly log: LogObserver
  dnsAnswered(source: 'local' | 'cache' | 'upstream', seconds: number): void
  upstreamConnected(seconds: number): void
  handshake(side: 'client' | 'origin', outcome: 'ok' | 'refused' | 'failed' | 'timeout'): void
  leafMinted(): void
  /** What is shown of one more job. */
  openJob(): JobGauges
  /** Whether the policies in force are those of the files, as they were last read. */
  policiesCurrent(current: boolean): void
  /** Names the pod's own job; not for a gateway that serves many. */
  ownJob(job: string, policyDigest: string): void
  /** The text of `/metrics`, and its content type. */
  expose(format: 'prometheus' | 'openmetrics'): Promise<{ readonly contentType: string; readonly body: string }>
}

/** From a cached answer to a resolver's time-out. */
const dnsBuckets = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const connectBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** From a kept connection's answer to an hour of upload. */
const requestBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600]

/** Makes the metrics of one gateway, with `version` in `build_info`. */
export function openMetrics(version: string): Metrics {
  const registries = newRegistries()
  const dnsDuration = durations(registries, families.dnsDuration, dnsBuckets)
  const connectDuration = durations(registries, families.connectDuration, connectBuckets)
  const handshakes = counter(registries, families.handshakes)
  const leaves = counter(registries, families.leaves)
  const jobs = new JobGaugeSet({
    jobs: gauge(registries, families.jobs),
    enforcing: gauge(registries, families.enforcing),
    rulesetIntact: gauge(registries, families.rulesetIntact),
  })
  const policiesCurrent = gauge(registries, families.policiesCurrent)
  policiesCurrent.set(1)
  const logLines = counter(registries, families.logLines)
  const logFailures = counter(registries, families.logFailures)
  const jobInfo = gauge(registries, families.jobInfo)
  gauge(registries, families.buildInfo).set({ version, node: process.version }, 1)
  return {
    sink: flowSink(registries),
    log: { written: lines => logLines.add(lines), failed: () => logFailures.add(1) },
    dnsAnswered: (source, seconds) => dnsDuration.observe(seconds, source),
    upstreamConnected: seconds => connectDuration.observe(seconds),
    handshake: (side, outcome) => handshakes.add(1, side, outcome),
    leafMinted: () => leaves.add(1),
    openJob: () => jobs.open(),
    policiesCurrent: current => policiesCurrent.set(current ? 1 : 0),
    ownJob: (job, policy) => jobInfo.set({ job, policy }, 1),
    async expose(format) {
      const registry = format === 'openmetrics' ? registries.openMetrics : registries.prometheus
      return { contentType: registry.contentType, body: await registry.metrics() }
    },
  }
}

function flowSink(registries: Parameters<typeof counter>[0]): Sink {
  const flows = counter(registries, families.flows)
  const bytes = counter(registries, families.bytes)
  const dnsQueries = counter(registries, families.dnsQueries)
  const packetsDenied = counter(registries, families.packetsDenied)
  const httpDuration = durations(registries, families.httpDuration, requestBuckets)
  const alarms = counter(registries, families.alarms)
  const countAlarm = ({ details }: FlowEvent): void => {
    const kind = details?.['kind']
    if (typeof kind === 'string' && Object.hasOwn(alarmText, kind)) alarms.add(1, kind)
  }
  return {
    write(event: FlowEvent): void {
      const { layer, verdict, reason } = event
      if (layer === 'job') return countAlarm(event)
      if (verdict === undefined || reason === undefined) return
      flows.add(1, layer, verdict, reason)
      if (event.bytesSent !== undefined) bytes.add(event.bytesSent, 'sent')
      if (event.bytesReceived !== undefined) bytes.add(event.bytesReceived, 'received')
      if (layer === 'dns')
        dnsQueries.add(event.packets ?? 1, verdict, oneOf(qtypes, event.qtype), oneOf(rcodes, event.rcode))
      if (layer === 'packet' && verdict === 'deny')
        packetsDenied.add(event.packets ?? 1, oneOf(protocols, event.protocol))
      if (layer === 'http' && event.durationMs !== undefined) httpDuration.observe(event.durationMs / 1_000, verdict)
    },
  }
}

// What a job sends becomes a label only when it is in one of these sets: a build must not be able to grow the metrics.
const qtypes: ReadonlySet<string> = new Set(
  'A AAAA ANY CAA CNAME DNSKEY DS HTTPS MX NAPTR NS NULL PTR SOA SRV SSHFP SVCB TLSA TXT'.split(' '),
)
const rcodes: ReadonlySet<string> = new Set('NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED BADVERS'.split(' '))
const protocols: ReadonlySet<string> = new Set(
  'tcp udp icmp icmpv6 ipv6 igmp gre esp ah sctp dccp udplite ipip'.split(' '),
)

function oneOf(set: ReadonlySet<string>, value: string | undefined): string {
  if (value === undefined) return 'none'
  return set.has(value) ? value : 'other'
}
