import type { FlowEvent } from '../event.ts'
import type { ExportedLine } from './lines.ts'

/** The event of the Elastic Common Schema 9 for a line; all lines have one. https://www.elastic.co/docs/reference/ecs */
export function ecsEvent({ job, seq, event }: ExportedLine): object {
  const { startedAt, host, address, port, verdict, reason, rule, process, flow, error, durationMs, details } = event
  return {
    '@timestamp': new Date(startedAt).toISOString(),
    ecs: { version: '9.4.0' },
    event: {
      kind: isFinding(event) ? 'alert' : 'event',
      category: event.layer === 'file' ? ['file'] : ['network'],
      type: typesOf(event),
      action: event.event ?? event.layer,
      outcome: verdict === undefined ? 'unknown' : verdict === 'deny' || error !== undefined ? 'failure' : 'success',
      ...(durationMs === undefined ? {} : { duration: Math.round(durationMs * 1_000_000) }),
      provider: 'tidegate',
      sequence: seq,
      reason: verdict === undefined ? undefined : reason,
    },
    labels: { job, ...(verdict === undefined ? {} : { verdict }) },
    rule: rule === undefined ? undefined : { name: rule },
    destination: {
      domain: host,
      ip: address,
      address: host ?? address,
      port,
    },
    network: networkOf(event),
    ...ownFields(event),
    process: process === undefined ? undefined : processOf(process),
    trace: flow === undefined ? undefined : { id: flow },
    error: error === undefined ? undefined : { code: error },
    tidegate: details === undefined ? undefined : { details },
  }
}

/** Facts of the job itself (a policy that changed, a sealed log) are none. */
function isFinding({ layer, event }: FlowEvent): boolean {
  return layer === 'file' || event === 'anomaly' || event === 'canary'
}

function typesOf({ layer, verdict }: FlowEvent): readonly string[] {
  if (layer === 'file') return ['change']
  if (verdict === undefined) return ['info']
  return verdict === 'deny' ? ['connection', 'denied'] : ['connection', 'allowed']
}

function networkOf({ layer, protocol, bytesSent, bytesReceived, packets }: FlowEvent): object | undefined {
  if (layer === 'job' || layer === 'file') return undefined
  const transport = layer === 'packet' ? protocol : layer === 'udp' ? 'udp' : layer === 'dns' ? undefined : 'tcp'
  const bytes =
    bytesSent === undefined && bytesReceived === undefined ? undefined : (bytesSent ?? 0) + (bytesReceived ?? 0)
  return { direction: 'egress', protocol: layer === 'http' ? 'http' : protocol, transport, bytes, packets }
}

function ownFields(event: FlowEvent): object {
  const { layer, method, status, path, host, inspected, qtype, rcode, bytesSent, bytesReceived } = event
  if (layer === 'dns') return { dns: { question: { name: host, type: qtype }, response_code: rcode } }
  if (layer === 'file') return { file: { path } }
  if (layer !== 'http') return {}
  return {
    http: {
      request: { method, bytes: bytesSent },
      response: { status_code: status, bytes: bytesReceived },
    },
    url: { domain: host, path, scheme: inspected === true ? 'https' : 'http' },
  }
}

function processOf({ pid, exe, command, uid }: NonNullable<FlowEvent['process']>): object {
  return {
    pid,
    executable: exe,
    name: exe.slice(exe.lastIndexOf('/') + 1),
    command_line: command,
    user: { id: String(uid) },
  }
}
