import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'
import { linesFor, type Line } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(120_000)

const last = new URL('clients/last-words.py', import.meta.url).pathname
/** Three requests in one go; the last ends the connection. */
const pipelined = ['/status/201?a keep-alive', '/status/202?b keep-alive', '/nowhere?c close']
  .map(request => request.split(' '))
  .map(
    ([target, connection]) =>
      `GET ${target} HTTP/1.1\\r\\nHost: h1.acme.test\\r\\nConnection: ${connection}\\r\\n\\r\\n`,
  )
  .join('')

const steps = {
  kept: 'curl -sS --http1.1 -o /dev/null -o /dev/null https://h1.acme.test/bytes/10?token=hidden https://h1.acme.test/bytes/20',
  pipelined: `(printf '${pipelined}'; sleep 1) | openssl s_client -quiet -connect h1.acme.test:443 -servername h1.acme.test`,
  streams: 'curl -sS -Z --http2 -o /dev/null "https://h2.acme.test/status/20[0-9]"',
  left: 'curl -sS -m 1 -o /dev/null https://h2.acme.test/slow/20000; curl -sS -m 1 -o /dev/null https://h1.acme.test/slow/20000',
  short: 'curl -sS -o /dev/null https://h1.acme.test/truncate',
  method: 'curl -sS -X DELETE https://h1.acme.test/status/200',
  unknown: 'curl -sS https://www.example.com/path',
  literal: 'curl -sS -m 5 https://203.0.113.66/path; curl -sS -m 5 http://203.0.113.66/path',
  fronted: 'curl -sS -H "Host: other.acme.test" https://h1.acme.test/fronted',
  dead: 'curl -sS https://refused.acme.test/x',
  dig: 'dig +short +tries=1 A h1.acme.test; dig +short +tcp +tries=1 A h2.acme.test; dig +tries=1 A unlisted.test',
  closed: 'python3 -c "import socket; socket.create_connection((\\"203.0.113.66\\", 4444), 3).recv(1)"',
  secret:
    'curl -sS -o /dev/null -H "Authorization: Bearer c2VjcmV0" https://user:hunter2@h1.acme.test/bytes/30?key=hidden',
} as const

const allowed = blockPolicy(['GET h1.acme.test', 'GET h2.acme.test', 'refused.acme.test'])

await t.test('each thing that happens is one line', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await t.test('in block', async t => {
    const run = await runSteps(lab, { policy: allowed, steps })
    const http = (facts: Partial<Line>): readonly Line[] =>
      run.lines.filter(line => line.layer === 'http' && has(line, facts))

    t.match(
      ['/bytes/10', '/bytes/20'].map(path => http({ path }).map(({ status, verdict }) => ({ status, verdict }))),
      [[{ status: 200, verdict: 'allow' }], [{ status: 200, verdict: 'allow' }]],
      'requests of a kept connection',
    )
    t.match(
      ['/status/201', '/status/202', '/nowhere'].map(path =>
        http({ path, protocol: 'http/1.1' }).map(({ status }) => status),
      ),
      [[201], [202], [404]],
      'requests of a pipeline',
    )
    t.equal(http({ host: 'h2.acme.test' }).filter(({ path }) => path?.startsWith('/status/20')).length, 10, 'streams')
    t.match(http({ path: '/slow/20000' }), [
      { protocol: 'h2', error: 'CLIENT_ABORTED', status: 200, durationMs: Number },
      { protocol: 'http/1.1', error: 'CLIENT_ABORTED', status: 200 },
    ])
    t.match(http({ path: '/truncate' }), [{ error: 'UPSTREAM_TRUNCATED', status: 200, bytesReceived: Number }])
    t.match(http({ method: 'DELETE' }), [{ verdict: 'deny', reason: 'method', status: 403, address: undefined }])
    t.match(http({ path: '/fronted' }), [{ verdict: 'deny', reason: 'host-mismatch', status: 421 }])
    t.match(http({ host: 'refused.acme.test' }), [{ verdict: 'allow', error: 'UPSTREAM_UNREACHABLE', status: 502 }])
    t.match(
      linesFor(run.lines, 'www.example.com').map(({ layer, verdict, reason, rcode }) => [
        layer,
        verdict,
        reason,
        rcode,
      ]),
      [
        ['dns', 'deny', 'no-rule', 'NXDOMAIN'],
        ['dns', 'deny', 'no-rule', 'NXDOMAIN'],
      ],
    )
    const literals = run.lines.filter(({ address }) => address === '203.0.113.66')
    t.match(
      literals.map(({ layer, port, reason }) => `${layer} ${port} ${reason}`).toSorted(),
      ['http 443 address-literal', 'http 80 address-literal', 'tcp 4444 address-literal'],
      'addresses without a rule: each refused where it could be told so',
    )
    const digs = run.lines.filter(line => line.process?.exe === '/usr/bin/dig')
    t.match(
      digs.map(({ layer, host, qtype, verdict, process }) => [layer, host, qtype, verdict, process?.command]),
      [
        ['dns', 'h1.acme.test', 'A', 'allow', 'dig +short +tries=1 A h1.acme.test'],
        ['dns', 'h2.acme.test', 'A', 'allow', 'dig +short +tcp +tries=1 A h2.acme.test'],
        ['dns', 'unlisted.test', 'A', 'deny', 'dig +tries=1 A unlisted.test'],
      ],
      'questions over UDP and TCP, with who asked',
    )
    for (const line of run.lines.filter(({ layer }) => layer !== 'job'))
      t.ok(line.process?.exe !== undefined, `has its process: ${line.layer} ${line.host ?? line.address}`)
    for (const line of run.lines.filter(({ layer }) => layer === 'http')) {
      const answer = run.lines.find(({ layer, flow, qtype }) => layer === 'dns' && flow === line.flow && qtype === 'A')
      if (line.host !== undefined && !/^\d/.test(line.host))
        t.equal(answer?.host, line.host, 'shares the flow of its DNS answer')
    }

    const log = readFileSync(`${run.out}/egress.ndjson`, 'utf8')
    for (const word of ['hidden', 'hunter2', 'c2VjcmV0']) t.notMatch(log, word, `never written: ${word}`)
    const report = await lab.host.exec(tidegate, ['report', '--format', 'json', `${run.out}/egress.ndjson`])
    t.strictSame(JSON.parse(report.stdout), run.summary, 'the report of the log is the summary of the run')
    writeFileSync(lab.file('changed'), log.replace('"verdict":"deny"', '"verdict":"allow"'))
    t.not((await lab.host.exec(tidegate, ['verify', lab.file('changed')])).exitCode, 0, 'a changed line is found')
    writeFileSync(lab.file('cut'), log.split('\n').slice(0, -3).join('\n') + '\n')
    t.not((await lab.host.exec(tidegate, ['verify', lab.file('cut')])).exitCode, 0, 'a missing end is found')
  })

  await t.test('in audit', async t => {
    const run = await runSteps(lab, { policy: auditPolicy, steps })
    const flows = run.lines.filter(({ layer }) => layer !== 'job')
    t.strictSame(
      flows.filter(({ verdict }) => verdict !== 'observe'),
      [],
      'all is observed, nothing refused',
    )
    t.equal(run.summary.totals.flows.observe, flows.length)
    t.match(linesFor(run.lines, 'www.example.com', { layer: 'http' }), [
      { path: '/path', reason: 'no-rule', status: 404 },
    ])
    t.match(linesFor(run.lines, 'h1.acme.test', { path: '/fronted' }), [{ reason: 'host-mismatch', status: 404 }])
    t.equal(flows.filter(({ path }) => path === '/path').length, 2, 'the literal over TLS is carried as it is')
    t.match(
      flows
        .filter(({ address, layer }) => address === '203.0.113.66' && layer !== 'dns')
        .map(({ layer, port, reason }) => `${layer} ${port} ${reason}`)
        .toSorted(),
      ['http 80 address-literal', 'tcp 4444 address-literal', 'tls 443 address-literal'],
    )
  })
})

await t.test('what a job sends last goes out and is written down', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await lab.serve('log.acme.test', { v4: lab.addresses.shared.v4 })
  const policy = blockPolicy(['http://log.acme.test:8080', 'udp://log.acme.test:5000'])
  const run = await runSteps(lab, {
    policy,
    steps: { last: `python3 '${last}' log.acme.test 8080 /upload 3000000 5000` },
  })
  t.equal(run.step('last').exitCode, 0, run.step('last').stderr)
  t.match(linesFor(run.lines, 'log.acme.test', { layer: 'http' }), [{ method: 'POST', verdict: 'allow' }])
  t.match(await lab.origins.requests({ path: '/upload' }), [{ complete: true, body: { length: 3_000_000 } }])
  t.match(linesFor(run.lines, 'log.acme.test', { layer: 'udp' }), [{ bytesSent: 500, verdict: 'allow' }])
  const datagrams = { protocol: 'udp', destination: lab.addresses.shared.v4, port: 5000 } as const
  t.equal(await lab.uplink.count(datagrams), 5)
})

function has(line: Line, facts: Partial<Line>): boolean {
  const known = new Map<string, unknown>(Object.entries(line))
  return Object.entries(facts).every(([name, value]) => known.get(name) === value)
}
