import t from 'tap'
import { families } from '../../../gateway/observe/metric-families.ts'
import { openMetrics } from '../../../gateway/observe/metrics.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { sampleJob } from '../record/sample-job.ts'

// contracts.md §4, to the letter.
const contract: Readonly<Record<string, readonly string[]>> = {
  flows_total: ['layer', 'verdict', 'reason'],
  bytes_total: ['direction'],
  dns_queries_total: ['verdict', 'qtype', 'rcode'],
  dns_duration_seconds: ['source'],
  http_request_duration_seconds: ['verdict'],
  upstream_connect_duration_seconds: [],
  tls_handshakes_total: ['side', 'outcome'],
  leaf_certificates_total: [],
  packets_denied_total: ['protocol'],
  alarms_total: ['kind'],
  jobs: [],
  enforcing: ['mode', 'reason'],
  ruleset_intact: [],
  policies_current: [],
  log_lines_total: [],
  log_failures_total: [],
  job_info: ['job', 'policy'],
  build_info: ['version', 'node'],
}

await t.test('families: are the contract, to the letter', async t => {
  t.same(
    Object.fromEntries(
      Object.values(families).map(({ name, labels }) => [name.replace(/^tidegate_/, ''), [...labels]]),
    ),
    contract,
  )
})

await t.test('openMetrics(): counts flows, bytes, questions and packets from events', async t => {
  const metrics = openMetrics('1.2.3')
  for (const event of sampleJob()) metrics.sink.write(event)
  const { body, contentType } = await metrics.expose('prometheus')
  t.match(contentType, 'text/plain')
  for (const line of [
    'tidegate_flows_total{layer="http",verdict="allow",reason="rule"} 4',
    'tidegate_flows_total{layer="dns",verdict="deny",reason="no-rule"} 61',
    'tidegate_bytes_total{direction="received"} 4552000',
    'tidegate_dns_queries_total{verdict="deny",qtype="TXT",rcode="NXDOMAIN"} 60',
    'tidegate_packets_denied_total{protocol="tcp"} 3',
    'tidegate_http_request_duration_seconds_count{verdict="allow"} 3',
    'tidegate_leaf_certificates_total 0',
    'tidegate_build_info{version="1.2.3",',
  ])
    t.match(body, line)
})

await t.test('openMetrics(): the rest is counted where it happens', async t => {
  const metrics = openMetrics('1.2.3')
  metrics.dnsAnswered('cache', 0.000_2)
  metrics.upstreamConnected(0.02)
  metrics.handshake('client', 'refused')
  metrics.leafMinted()
  const job = metrics.openJob()
  job.attached()
  job.rulesetIntact(true)
  metrics.log.written(5)
  job.enforcing('block', undefined)
  job.enforcing('block', 'ruleset-changed')
  const { body } = await metrics.expose('prometheus')
  for (const line of [
    'tidegate_dns_duration_seconds_bucket{le="0.0005",source="cache"} 1',
    'tidegate_upstream_connect_duration_seconds_sum 0.02',
    'tidegate_tls_handshakes_total{side="client",outcome="refused"} 1',
    'tidegate_leaf_certificates_total 1',
    'tidegate_jobs 1',
    'tidegate_policies_current 1',
    'tidegate_ruleset_intact 1',
    'tidegate_log_lines_total 5',
    'tidegate_enforcing{mode="block",reason="ruleset-changed"} 0',
  ])
    t.match(body, line)
  t.notMatch(body, 'reason="none"')
})

await t.test(
  'openMetrics(): the gauges of jobs are sums, and one job in trouble shows whatever the others do',
  async t => {
    const metrics = openMetrics('1.2.3')
    const shown = async (): Promise<readonly string[]> => {
      const { body } = await metrics.expose('prometheus')
      return body.split('\n').filter(line => /^tidegate_(?:jobs|enforcing|ruleset_intact)\b/.test(line))
    }
    t.strictSame(await shown(), ['tidegate_jobs 0', 'tidegate_ruleset_intact 1'])
    const [first, second, third] = [metrics.openJob(), metrics.openJob(), metrics.openJob()]
    for (const job of [first, second, third]) {
      job.attached()
      job.enforcing('block', undefined)
    }
    third.enforcing('audit', undefined)
    second.enforcing('block', 'log-failure')
    second.rulesetIntact(false)
    t.strictSame(await shown(), [
      'tidegate_jobs 3',
      'tidegate_enforcing{mode="block",reason="none"} 1',
      'tidegate_enforcing{mode="block",reason="log-failure"} 0',
      'tidegate_enforcing{mode="audit",reason="none"} 1',
      'tidegate_ruleset_intact 0',
    ])
    second[Symbol.dispose]()
    t.strictSame(await shown(), [
      'tidegate_jobs 2',
      'tidegate_enforcing{mode="block",reason="none"} 1',
      'tidegate_enforcing{mode="audit",reason="none"} 1',
      'tidegate_ruleset_intact 1',
    ])
  },
)

await t.test('openMetrics(): both formats keep their names, in whichever order they are asked for', async t => {
  const metrics = openMetrics('1.2.3')
  metrics.leafMinted()
  for (const format of ['openmetrics', 'prometheus', 'openmetrics', 'prometheus'] as const) {
    const { body } = await metrics.expose(format)
    t.match(body, /^tidegate_leaf_certificates_total 1$/m)
    t.equal(body.endsWith('# EOF\n'), format === 'openmetrics')
    t.match(
      body,
      format === 'openmetrics'
        ? '# TYPE tidegate_leaf_certificates counter'
        : '# TYPE tidegate_leaf_certificates_total counter',
    )
  }
})

const event = (index: number): FlowEvent => ({
  layer: 'dns',
  startedAt: 0,
  verdict: 'deny',
  reason: 'no-rule',
  host: `h${index}.test`,
  qtype: `TYPE${index}`,
  rcode: `RCODE${index}`,
  protocol: `p${index}`,
  method: `M${index}`,
})

await t.test('openMetrics(): a build cannot grow the labels', async t => {
  const metrics = openMetrics('1.2.3')
  const lines = async (): Promise<number> => (await metrics.expose('prometheus')).body.split('\n').length
  metrics.sink.write(event(0))
  metrics.sink.write({ ...event(0), layer: 'packet' })
  const before = await lines()
  for (let index = 1; index < 500; index += 1) {
    metrics.sink.write(event(index))
    metrics.sink.write({ ...event(index), layer: 'packet' })
  }
  t.equal(await lines(), before)
})
