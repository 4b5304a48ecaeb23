import { cameIn } from '../report/packages.ts'
import type { PackageRow, ReachedRow, Summary } from '../summary-shape.ts'

const statementType = 'https://in-toto.io/Statement/v1'
/** https://github.com/in-toto/attestation/blob/main/spec/predicates/runtime-trace.md */
const predicateType = 'https://in-toto.io/attestation/runtime-trace/v0.2'

/**
 * The network inputs of a job as an unsigned in-toto statement (predicate: runtime trace 0.2), ends with a line feed: what
 * was reached, and the packages that came in with their digests. Its subject is the log that all of it was read from.
 * @param logDigest SHA-256 (hex) of the log's file
 */
export function renderInToto(summary: Summary, logDigest: string): string {
  const { job, gateway, mode, policy, startedAt, endedAt, reached, packages, omitted, log } = summary
  const statement = {
    _type: statementType,
    subject: [{ name: 'egress.ndjson', digest: { sha256: logDigest } }],
    predicateType,
    predicate: {
      monitor: {
        type: `urn:tidegate:gateway:${gateway ?? 'unknown'}`,
        tracePolicy: { mode: mode ?? null, sha256: policy ?? null },
      },
      monitoredProcess: { hostID: 'urn:tidegate:host:unknown', type: 'urn:tidegate:job', event: job },
      monitorLog: {
        network: reached.flatMap(row => networkOf(row, summary)),
        fileAccess: packages.filter(cameIn).map(resourceOf),
      },
      metadata: { buildStartedOn: startedAt ?? null, buildFinishedOn: endedAt ?? null },
      tidegateLog: { state: log.state, lines: log.lines, lost: log.lost, head: log.head ?? null },
      tidegateOmitted: { network: omitted.reached, fileAccess: omitted.packages },
    },
  }
  return `${JSON.stringify(statement, null, 2)}\n`
}

function networkOf(
  { host, ports, methods, bytesSent, bytesReceived, processes }: ReachedRow,
  { unseen }: Summary,
): readonly object[] {
  const place = /^[\d.]+$|:/.test(host) ? { ip: host } : { hostname: host }
  const isUdp = (port: number): boolean =>
    unseen.some(row => row.host === host && row.port === port && row.protocol === 'udp')
  const about = { methods, bytesSent, bytesReceived, invokingProcess: { commands: processes } }
  // A name that was only looked up has no port.
  if (ports.length === 0) return [{ ...place, ...about }]
  return ports.map(port => ({ ...place, port, protocol: isUdp(port) ? 'udp' : 'tcp', ...about }))
}

/** A ResourceDescriptor of in-toto. */
function resourceOf(row: PackageRow): object {
  const { purl, registry, verdict, promise, firstAt, process, sha1, sha256, sha512 } = row
  const { published, publishedBefore, ageFrom, age } = row
  const known = { registry, verdict, promise, published, publishedBefore, ageFrom, age, firstAt, process }
  return { name: purl, uri: purl, digest: { sha1, sha256, sha512 }, annotations: known }
}
