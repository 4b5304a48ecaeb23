import type { FlowEvent } from '../event.ts'
import type { ExportedLine } from './lines.ts'

// OCSF 1.6, category 4: Network Activity 4001, HTTP Activity 4002, DNS Activity 4003. https://schema.ocsf.io/1.6.0/
// Before 1.6 there is no PATCH, and before 1.4 no HTTP Activity without an answer.

interface Kind {
  readonly uid: 4001 | 4002 | 4003
  readonly name: string
  readonly activity: number
}

/** HTTP Activity's `activity_id` of each method; 99 is another. */
const httpActivities: Readonly<Record<string, number>> = {
  CONNECT: 1,
  DELETE: 2,
  GET: 3,
  HEAD: 4,
  OPTIONS: 5,
  POST: 6,
  PUT: 7,
  TRACE: 8,
  PATCH: 9,
}

/** DNS Activity's `rcode_id` of each code, and what it is called there; 99 is another. */
const rcodes: Readonly<Record<string, readonly [id: number, caption: string]>> = {
  NOERROR: [0, 'NoError'],
  FORMERR: [1, 'FormError'],
  SERVFAIL: [2, 'ServError'],
  NXDOMAIN: [3, 'NXDomain'],
  NOTIMP: [4, 'NotImp'],
  REFUSED: [5, 'Refused'],
}

/** The OCSF event of a flow's line; undefined for lines of the job and of files, which are no network activity. */
export function ocsfEvent({ job, seq, event }: ExportedLine): object | undefined {
  const kind = kindOf(event)
  if (kind === undefined || event.verdict === undefined) return undefined
  const isDenied = event.verdict === 'deny'
  return {
    activity_id: kind.activity,
    category_uid: 4,
    class_uid: kind.uid,
    class_name: kind.name,
    type_uid: kind.uid * 100 + kind.activity,
    time: Math.floor(event.startedAt),
    duration: event.durationMs === undefined ? undefined : Math.round(event.durationMs),
    severity_id: event.verdict === 'allow' ? 1 : isDenied ? 3 : 2,
    status_id: isDenied || event.error !== undefined ? 2 : 1,
    status_code: event.error,
    status_detail: event.reason,
    action_id: isDenied ? 2 : 1,
    disposition_id: isDenied ? 2 : 1,
    metadata: {
      version: '1.6.0',
      product: { name: 'tidegate', vendor_name: 'Tidegate' },
      sequence: seq,
      correlation_uid: event.flow,
      // Who acts stands in the profile of hosts.
      profiles: event.process === undefined ? ['security_control'] : ['security_control', 'host'],
      labels: [`job:${job}`, `verdict:${event.verdict}`],
    },
    firewall_rule: event.rule === undefined ? undefined : { name: event.rule },
    dst_endpoint: endpointOf(event),
    connection_info: kind.uid === 4003 ? undefined : { direction_id: 2, protocol_name: transportOf(event) },
    traffic: { bytes_out: event.bytesSent, bytes_in: event.bytesReceived, packets: event.packets },
    actor: event.process === undefined ? undefined : { process: processOf(event.process) },
    ...ownFields(event),
  }
}

function kindOf({ layer, method, verdict }: FlowEvent): Kind | undefined {
  if (layer === 'http') return { uid: 4002, name: 'HTTP Activity', activity: httpActivities[method ?? ''] ?? 99 }
  // A line has the question and its answer: Traffic.
  if (layer === 'dns') return { uid: 4003, name: 'DNS Activity', activity: 6 }
  if (layer === 'job' || layer === 'file') return undefined
  // Refuse, or Traffic.
  return { uid: 4001, name: 'Network Activity', activity: verdict === 'deny' ? 5 : 6 }
}

function ownFields({ layer, method, path, host, inspected, status, qtype, rcode, details }: FlowEvent): object {
  if (layer === 'dns') {
    const [id, caption] = rcodes[rcode ?? ''] ?? [99, rcode]
    return {
      query: host === undefined ? undefined : { hostname: host, type: qtype },
      ...(rcode === undefined ? {} : { rcode_id: id, rcode: caption }),
    }
  }
  if (layer !== 'http') return {}
  const scheme = inspected === true ? 'https' : 'http'
  // A URL has a path there; the host stands in the endpoint as well.
  const url = path === undefined ? undefined : { hostname: host, path, scheme }
  // The list of methods is closed.
  const isListed = method !== undefined && httpActivities[method] !== undefined
  const unmapped = { ...(isListed || method === undefined ? {} : { http_method: method }), ...details }
  return {
    http_request: { http_method: isListed ? method : undefined, url },
    http_response: status === undefined ? undefined : { code: status },
    ...(Object.keys(unmapped).length === 0 ? {} : { unmapped }),
  }
}

function endpointOf({ host, address, port }: FlowEvent): object | undefined {
  return host === undefined && address === undefined ? undefined : { hostname: host, ip: address, port }
}

function transportOf({ layer, protocol }: FlowEvent): string | undefined {
  if (layer === 'packet') return protocol
  return layer === 'udp' ? 'udp' : 'tcp'
}

function processOf({ pid, exe, command, uid }: NonNullable<FlowEvent['process']>): object {
  return {
    pid,
    cmd_line: command,
    file: { path: exe, name: exe.slice(exe.lastIndexOf('/') + 1), type_id: 1 },
    user: { uid: String(uid) },
  }
}
