import t from 'tap'
import { writeFileSync } from 'node:fs'
import { openLab } from '../lab/lab.ts'
import { patternDigest } from '../lab/origins/pattern.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { linesFor, requestsOnBothSides } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(120_000)

const modes = [
  [
    'block',
    blockPolicy([
      'api.acme.test',
      'h1.acme.test',
      'h2.acme.test',
      'http://api.acme.test',
      'tls://files.acme.test',
      'expired.acme.test',
      'GET,HEAD https://other.acme.test/ok/**',
    ]),
  ],
  ['audit', auditPolicy],
] as const

const steps = {
  h1: 'curl -sSv --http1.1 https://api.acme.test/bytes/300000 | sha256sum',
  h2: 'curl -sSv --http2 https://api.acme.test/bytes/300000 | sha256sum',
  plain: 'curl -sS http://api.acme.test/',
  expect: 'curl -sSv --http1.1 -T body -H "Expect: 100-continue" https://h1.acme.test/upload',
  chunked: 'curl -sS --http1.1 -T - https://h1.acme.test/upload?chunked <body',
  put2: 'curl -sS --http2 -T body https://h2.acme.test/upload',
  form: 'curl -sS -F "file=@body" -F token=x https://api.acme.test/upload',
  head: 'curl -sSI https://h1.acme.test/bytes/77; curl -sSI https://h2.acme.test/bytes/77',
  early: 'curl -sSi https://h1.acme.test/1xx; curl -sSi https://h2.acme.test/1xx',
  trailers: 'curl -sSi https://h1.acme.test/trailers; curl -sSi https://h2.acme.test/trailers',
  gzip: 'curl -sS --compressed https://h1.acme.test/gzip https://h2.acme.test/gzip',
  kept: 'curl -sSv --http1.1 https://h1.acme.test/?kept https://h1.acme.test/?kept https://h1.acme.test/?kept',
  many: 'curl -sS -Z --http2 -o /dev/null "https://h2.acme.test/slow/100?[1-20]"',
  moved: 'curl -sSL "https://api.acme.test/redirect?to=http://api.acme.test/status/201"',
  closes: 'curl -sS --http1.1 https://h1.acme.test/until-close https://h1.acme.test/close https://h1.acme.test/sse/2',
  truncated: 'for p in truncate reset; do curl -sS -o /dev/null https://h1.acme.test/$p; echo $?; done',
  passed: 'curl -sSv https://files.acme.test/',
  expired: 'curl -sSi https://expired.acme.test/; echo $?',
  narrow:
    'curl -sS -o /dev/null -w "%{http_code}\\n" https://other.acme.test/ok/status; curl -sSi -d x https://other.acme.test/ok/y',
  unknown: 'curl -sS https://www.example.com/status/202',
} as const

await t.test('curl works unmodified', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const body = Buffer.alloc(2_000_000, 'a body of curl ')
  writeFileSync(lab.file('body'), body)
  for (const [mode, policy] of modes)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const run = await runSteps(lab, {
        policy,
        steps: { ...steps, expect: `ln -s "${lab.file('body')}" body; ${steps.expect}` },
      })
      const is = mode === 'block' ? { verdict: 'allow' as const } : { verdict: 'observe' as const, reason: 'no-rule' }

      for (const [name, alpn] of [
        ['h1', 'http/1.1'],
        ['h2', 'h2'],
      ] as const) {
        const { stdout, stderr } = run.step(name)
        t.equal(stdout.split(' ')[0], patternDigest(300_000), `${name}: the bytes`)
        t.match(stderr, `server accepted ${alpn}`)
        t.match(stderr, /issuer: CN=Tidegate \w+ for job/, `${name}: our certificate, trusted by the environment alone`)
      }
      t.equal(run.step('plain').stdout, 'api.acme.test\n')

      const uploads = await lab.origins.requests({ path: '/upload' })
      t.match(run.step('expect').stderr, /< HTTP\/1\.1 100 Continue\r?\n/)
      for (const name of ['expect', 'chunked', 'put2'] as const)
        t.match(JSON.parse(run.step(name).stdout), { length: body.length }, name)
      t.equal(new Set(uploads.slice(0, 3).map(it => it.body.sha256)).size, 1, 'three ways, the same bytes')
      t.ok(uploads.every(({ complete }) => complete))
      t.match(run.step('form').stdout, /"length":2000\d\d\d/)

      t.match(run.step('head').stdout, /Content-Length: 77\r\n[^]*content-length: 77\r\n/)
      t.match(run.step('early').stdout, /^HTTP\/1\.1 103 [^]*HTTP\/1\.1 200[^]*HTTP\/2 103 [^]*HTTP\/2 200/)
      t.match(run.step('trailers').stdout, /X-Checksum: abc\r\nX-Signed-By: Lab[^]*x-checksum: abc\r\nx-signed-by: Lab/)
      t.equal(run.step('gzip').stdout, 'compressed text\n'.repeat(200))
      t.equal(run.step('kept').stderr.match(/Re-using existing connection/g)?.length, 2)
      t.equal(new Set((await lab.origins.requests(it => it.target === '/?kept')).map(it => it.connection)).size, 1)
      t.equal(run.step('many').exitCode, 0, 'twenty streams at once')
      t.equal(run.step('moved').stdout, 'status 201\n')
      t.equal(run.step('closes').stdout, 'until the connection closes\nbye\ndata: 0\n\ndata: 1\n\n')
      t.equal(
        run.step('truncated').stdout.replaceAll('56', '18'),
        '18\n18\n',
        'what is cut short is not taken for whole',
      )

      // The lab's CA is trusted by the outer environment only, and still is.
      t.equal(run.step('passed').stdout, 'files.acme.test\n')
      const byPass = mode === 'block'
      t.match(run.step('passed').stderr, byPass ? 'issuer: CN=Lab Public CA' : /issuer: CN=Tidegate/)
      if (byPass) {
        t.match(run.step('expired').stdout, /^HTTP\/1\.1 502 [^]*certificate[^]*\n0\n$/)
        t.match(run.step('narrow').stdout, /^404\nHTTP\/2 403 [^]*POST[^]*\/ok\/y/)
        t.equal(run.step('unknown').exitCode, 6)
      } else {
        t.match(run.step('expired').stdout, /60\n$/, 'as it would be without the gateway')
        t.match(run.step('narrow').stdout, /^404\nHTTP\/2 404/)
        t.equal(run.step('unknown').stdout, 'status 202\n')
      }

      const { logged, arrived } = requestsOnBothSides(
        run.lines,
        await lab.origins.requests(it => it.host !== 'files.acme.test' || !byPass),
      )
      t.strictSame(logged, arrived, 'one line for each request, and none else')
      t.match(linesFor(run.lines, 'api.acme.test', { layer: 'http', port: 443 }), [{ ...is, inspected: true }])
      const flows = run.lines.filter(({ layer }) => layer !== 'job' && layer !== 'packet')
      t.strictSame(
        flows.filter(({ process }) => process?.exe !== '/usr/bin/curl'),
        [],
        'every flow has its process',
      )
      t.match(linesFor(run.lines, 'h2.acme.test', { layer: 'http', method: 'PUT' }), [
        {
          process: { command: 'curl -sS --http2 -T body https://h2.acme.test/upload', parents: [/dash$/, /timeout$/] },
        },
      ])
      t.strictSame(await lab.sink.lines(), [])
    })
})
