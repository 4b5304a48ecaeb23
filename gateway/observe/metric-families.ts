import type { Family } from './families.ts'

/** Every metric of the gateway (contracts.md §4); docs/metrics.md is this table. Labels are closed sets, units are base units. */
export const families = {
  flows: family('tidegate_flows_total', 'Flows decided.', ['layer', 'verdict', 'reason']),
  bytes: family('tidegate_bytes_total', 'Bytes carried: sent is job to outside.', ['direction']),
  dnsQueries: family('tidegate_dns_queries_total', 'DNS questions answered.', ['verdict', 'qtype', 'rcode']),
  dnsDuration: family(
    'tidegate_dns_duration_seconds',
    'Time to answer a DNS question, by where the answer came from.',
    ['source'],
  ),
  httpDuration: family('tidegate_http_request_duration_seconds', 'Time from request head to the end of the response.', [
    'verdict',
  ]),
  connectDuration: family(
    'tidegate_upstream_connect_duration_seconds',
    'Time to connect to an origin, TLS included.',
    [],
  ),
  handshakes: family('tidegate_tls_handshakes_total', 'TLS handshakes, with clients and with origins.', [
    'side',
    'outcome',
  ]),
  leaves: family('tidegate_leaf_certificates_total', 'Leaf certificates minted.', []),
  packetsDenied: family('tidegate_packets_denied_total', 'Packets dropped by the kernel rules.', ['protocol']),
  alarms: family('tidegate_alarms_total', 'What was found in what jobs did, beside their flows.', ['kind']),
  jobs: family('tidegate_jobs', 'Jobs attached.', []),
  enforcing: family(
    'tidegate_enforcing',
    'Jobs whose policy is enforced; with a reason, and then 0, while the protection of any is degraded.',
    ['mode', 'reason'],
  ),
  rulesetIntact: family(
    'tidegate_ruleset_intact',
    '1 while the kernel rules of every job are the ones that were loaded.',
    [],
  ),
  policiesCurrent: family(
    'tidegate_policies_current',
    '1 while the policies in force are those of the files, 0 after a reload that found a fault.',
    [],
  ),
  logLines: family('tidegate_log_lines_total', 'Lines written to the logs of jobs.', []),
  logFailures: family(
    'tidegate_log_failures_total',
    'Outages of a log: it could not be written, or not as fast as events came.',
    [],
  ),
  jobInfo: family('tidegate_job_info', "The gateway's own job; absent where it serves many.", ['job', 'policy']),
  buildInfo: family('tidegate_build_info', 'Always 1; the versions stand in the labels.', ['version', 'node']),
} as const

function family<const Labels extends readonly string[]>(
  name: string,
  help: string,
  labels: Labels,
): Family<Labels[number]> {
  return { name, help, labels }
}
