import t from 'tap'
import { type ErrorCode, GatewayError } from '../../../gateway/errors.ts'
import { type RefusedRequest, renderRefusal } from '../../../gateway/http/refusal.ts'
import type { DenyReason } from '../../../gateway/policy/decision.ts'
import { hostname, port } from '../door/fake-job.ts'

const about: RefusedRequest = {
  job: 'nightly',
  mode: 'block',
  scheme: 'https',
  host: hostname('api.example.test'),
  port: port(443),
  method: 'POST',
  path: '/x',
}

function firstLine(body: string): string {
  return body.split('\n', 1)[0] ?? ''
}

t.test('renderRefusal(): says what was refused, why, and the line that would allow it', async t => {
  const refusal = renderRefusal(about, { verdict: 'deny', reason: 'no-rule', rule: null })
  t.equal(
    refusal.body,
    'tidegate: denied POST https://api.example.test/x: no rule allows it (reason no-rule, mode block, job nightly)\nallow it with:\n  - POST https://api.example.test/x\n',
  )
  t.match(refusal, { status: 403, statusText: 'Forbidden' })
  t.strictSame(refusal.headers, [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(refusal.body.length)],
    ['cache-control', 'no-store'],
    ['x-tidegate-reason', 'no-rule'],
  ])
})

const statuses: Readonly<Record<DenyReason, number>> = {
  'no-rule': 403,
  'denied-by-rule': 403,
  forbidden: 403,
  'address-literal': 403,
  'private-address': 403,
  'sni-mismatch': 421,
  'host-mismatch': 421,
  'no-sni': 403,
  method: 403,
  path: 403,
  upgrade: 403,
  protocol: 403,
  'dns-type': 403,
  'dns-budget': 403,
  'too-large': 413,
  malformed: 400,
  'job-unknown': 403,
  'log-failure': 503,
}
function isReason(name: string): name is DenyReason {
  return name in statuses
}

for (const reason of Object.keys(statuses).filter(isReason)) {
  const status = statuses[reason]
  t.test(`renderRefusal(): ${reason} is ${status}`, async t => {
    const refusal = renderRefusal(about, {
      verdict: 'deny',
      reason,
      rule: 'deny[0] POST https://api.example.test/x',
    })
    t.equal(refusal.status, status)
    t.match(
      firstLine(refusal.body),
      new RegExp(`^tidegate: denied POST https://api.example.test/x: .*reason ${reason}, rule deny\\[0\\]`),
    )
    t.match(refusal.headers, [
      ['content-type', /./],
      ['content-length', /^\d+$/],
      ['cache-control', 'no-store'],
      ['x-tidegate-reason', reason],
      ['x-tidegate-rule', /^deny\[0\]/],
    ])
  })
}

const failures: readonly [ErrorCode, number][] = [
  ['UPSTREAM_UNREACHABLE', 502],
  ['UPSTREAM_DNS', 502],
  ['UPSTREAM_CERTIFICATE', 502],
  ['UPSTREAM_TLS', 502],
  ['UPSTREAM_PROTOCOL', 502],
  ['UPSTREAM_TRUNCATED', 502],
  ['UPSTREAM_TIMEOUT', 504],
  ['LIMIT_REACHED', 431],
  ['JOB_LIMIT', 503],
  ['CLIENT_TIMEOUT', 408],
  ['LOG_WRITE_FAILED', 503],
]
for (const [code, status] of failures) {
  t.test(`renderRefusal(): ${code} is ${status}, and no denial`, async t => {
    const refusal = renderRefusal(about, new GatewayError(code, 'what happened'))
    t.equal(refusal.status, status)
    t.match(firstLine(refusal.body), new RegExp(`^tidegate: failed .*what happened \\(error ${code}`))
    t.match(refusal.headers.at(-1), ['x-tidegate-error', code])
  })
}

t.test('renderRefusal(): P1 nothing the job sent can write a line, move a cursor or add a field', async t => {
  const nasty = '\r\nSet-Cookie: a=b\r\n\r\n\x1b[2J\u202e\u2028\x9b\x7f'
  const refusal = renderRefusal(
    { ...about, method: `GET${nasty}`, path: `/${nasty}`, authority: nasty, job: nasty, fault: nasty },
    { verdict: 'deny', reason: 'host-mismatch', rule: nasty },
  )
  t.notMatch(refusal.body.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}]/u)
  t.equal(refusal.body.split('\n').length, 2)
  for (const [name, value] of refusal.headers) t.match(`${name}: ${value}`, /^[\x20-\x7e]+$/)
  const failed = renderRefusal({ ...about, job: nasty }, new GatewayError('UPSTREAM_TLS', nasty))
  t.equal(failed.body.split('\n').length, 2)
})

t.test('renderRefusal(): a proposed line is whole or not there', async t => {
  const refusal = renderRefusal(
    { ...about, path: `/${'a'.repeat(5_000)}` },
    { verdict: 'deny', reason: 'path', rule: null },
  )
  t.notMatch(refusal.body, /allow it with/)
  t.ok(refusal.body.length < 2_000)
})

t.test('renderRefusal(): content-length counts bytes', async t => {
  const refusal = renderRefusal({ ...about, job: 'nächtlich' }, { verdict: 'deny', reason: 'no-rule', rule: null })
  t.equal(Number(refusal.headers[1]?.[1]), Buffer.byteLength(refusal.body))
})
