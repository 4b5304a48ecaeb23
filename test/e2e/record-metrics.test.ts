import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy, runBehind } from './behind.ts'
import { parseMetrics, valuesOf, type Sample } from './metrics-text.ts'
import type { Line } from './record-check.ts'

t.setTimeout(120_000)

/** Every metric and its labels (contracts.md §4). */
const contract: Readonly<Record<string, readonly string[]>> = {
  tidegate_alarms_total: ['kind'],
  tidegate_flows_total: ['layer', 'verdict', 'reason'],
  tidegate_bytes_total: ['direction'],
  tidegate_dns_queries_total: ['verdict', 'qtype', 'rcode'],
  tidegate_dns_duration_seconds: ['source'],
  tidegate_http_request_duration_seconds: ['verdict'],
  tidegate_upstream_connect_duration_seconds: [],
  tidegate_tls_handshakes_total: ['side', 'outcome'],
  tidegate_leaf_certificates_total: [],
  tidegate_packets_denied_total: ['protocol'],
  tidegate_jobs: [],
  tidegate_enforcing: ['mode', 'reason'],
  tidegate_ruleset_intact: [],
  tidegate_policies_current: [],
  tidegate_log_lines_total: [],
  tidegate_log_failures_total: [],
  tidegate_job_info: ['job', 'policy'],
  tidegate_build_info: ['version', 'node'],
}

const address = '127.0.0.1:9464'

/** What the gateway's own end says at `path`. */
async function ask(lab: Lab, path: string, ...more: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await lab.host.exec('curl', ['-sSf', ...more, `http://${address}${path}`])
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

/** The metrics and the log of one moment: between two flows, when both have the same lines. */
async function momentOf(
  lab: Lab,
  log: string,
): Promise<{ readonly samples: readonly Sample[]; readonly lines: readonly Line[] }> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await delay(50)) {
    const samples = parseMetrics(await ask(lab, '/metrics'))
    const lines = readFileSync(log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): Line => JSON.parse(line))
    const written = samples.find(({ name }) => name === 'tidegate_log_lines_total')?.value
    const counted = samples
      .filter(({ name }) => name === 'tidegate_flows_total')
      .reduce((sum, { value }) => sum + value, 0)
    const flows = lines.filter(({ verdict }) => verdict !== undefined)
    // The kernel's counts are read once a second: the ping is the last to be seen.
    if (written === lines.length && counted === flows.length && flows.some(({ layer }) => layer === 'packet'))
      return { samples, lines: flows }
  }
  throw new Error('metrics and log did not come to agree')
}

function countBy(
  lines: readonly Line[],
  key: (line: Line) => string,
  weight: (line: Line) => number = () => 1,
): readonly string[] {
  return [...Map.groupBy(lines, key)]
    .map(([name, group]) => `${name} ${group.reduce((sum, line) => sum + weight(line), 0)}`)
    .toSorted()
}

await t.test('the metrics say what the log says', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const [ready, go] = [lab.file('ready'), lab.file('go')]
  const script = [
    'curl -sS -o /dev/null https://h1.acme.test/bytes/1000 https://h1.acme.test/bytes/2000',
    'curl -sS -o /dev/null https://h2.acme.test/bytes/1000',
    'curl -sS -o /dev/null -d secret https://h2.acme.test/not/allowed',
    'curl -sS -o /dev/null https://expired.acme.test/',
    'curl -sS -m 5 https://unknown.acme.test/; curl -sS -m 5 https://203.0.113.66/',
    'dig +tries=1 +time=2 TXT h1.acme.test; dig +tcp +tries=1 +time=2 A nowhere.h1.acme.test @203.0.113.53',
    'ping -c 2 -W 1 -i 0.2 203.0.113.66',
    `: >'${ready}'; while [ ! -e '${go}' ]; do sleep 0.05; done`,
  ].join('\n')
  const options = ['--metrics', address, '--job', 'measured']
  const policy = blockPolicy(['GET **.h1.acme.test', 'h1.acme.test', 'GET h2.acme.test', 'expired.acme.test'])
  const running = runBehind(lab, { policy, options, command: ['sh', '-c', `exec >/dev/null 2>&1\n${script}`] })
  const over = running.then(
    () => true,
    () => true,
  )
  while (!existsSync(ready)) if (await Promise.race([over, delay(50, false)])) break

  if (existsSync(ready))
    await t.test('while the job runs', async t => {
      const { samples, lines } = await momentOf(lab, lab.file('run-1/out/egress.ndjson'))
      t.strictSame(
        valuesOf(samples, 'tidegate_flows_total', ['layer', 'verdict', 'reason']),
        countBy(lines, ({ layer, verdict, reason }) => `${layer} ${verdict} ${reason}`),
      )
      const dns = lines.filter(({ layer }) => layer === 'dns')
      t.strictSame(
        valuesOf(samples, 'tidegate_dns_queries_total', ['verdict', 'qtype', 'rcode']),
        countBy(
          dns,
          ({ verdict, qtype, rcode }) => `${verdict} ${qtype} ${rcode}`,
          ({ packets }) => packets ?? 1,
        ),
      )
      const bytes = (name: 'bytesSent' | 'bytesReceived'): number =>
        lines.reduce((sum, line) => sum + (line[name] ?? 0), 0)
      t.strictSame(valuesOf(samples, 'tidegate_bytes_total', ['direction']), [
        `received ${bytes('bytesReceived')}`,
        `sent ${bytes('bytesSent')}`,
      ])
      t.strictSame(
        valuesOf(samples, 'tidegate_http_request_duration_seconds_count', ['verdict']),
        countBy(
          lines.filter(({ layer }) => layer === 'http'),
          ({ verdict }) => `${verdict}`,
        ),
      )
      t.strictSame(
        valuesOf(samples, 'tidegate_packets_denied_total', ['protocol']),
        countBy(
          lines.filter(({ layer }) => layer === 'packet'),
          ({ protocol }) => `${protocol}`,
          ({ packets }) => packets ?? 0,
        ),
      )
      t.match(valuesOf(samples, 'tidegate_packets_denied_total', ['protocol']), ['icmp 2'])
      const one = (name: string): readonly string[] => valuesOf(samples, name, [])
      t.strictSame(one('tidegate_leaf_certificates_total'), ['4'], 'one for each host that was answered for')
      t.strictSame(valuesOf(samples, 'tidegate_tls_handshakes_total', ['side', 'outcome']), [
        'client ok 5',
        'origin ok 2',
        'origin refused 1',
      ])
      t.strictSame(one('tidegate_jobs'), ['1'])
      t.strictSame(one('tidegate_ruleset_intact'), ['1'])
      t.strictSame(one('tidegate_log_failures_total'), [])
      t.strictSame(valuesOf(samples, 'tidegate_enforcing', ['mode', 'reason']), ['block none 1'])
      t.match(valuesOf(samples, 'tidegate_job_info', ['job', 'policy']), [/^measured [0-9a-f]{64} 1$/])

      for (const { name, labels } of samples) {
        const family = name.replace(/_(?:bucket|count|sum)$/, '')
        const expected = contract[family] ?? contract[name]
        t.strictSame(
          Object.keys(labels)
            .filter(label => label !== 'le')
            .toSorted(),
          [...(expected ?? ['not in the contract'])].toSorted(),
          name,
        )
      }
      const described = (await ask(lab, '/metrics')).matchAll(/^# TYPE (\S+)/gm)
      t.strictSame(Array.from(described, ([, name = '']) => name).toSorted(), Object.keys(contract).toSorted())
      t.match(await ask(lab, '/metrics', '-H', 'Accept: application/openmetrics-text'), /# EOF\n$/)
      t.equal(await ask(lab, '/healthz'), 'ok\n')
      t.equal(await ask(lab, '/readyz'), 'ready\n')
    })
  writeFileSync(go, '')
  const run = await running
  t.ok(existsSync(ready), run.stderr)
  t.equal(run.exitCode, 0)
})
