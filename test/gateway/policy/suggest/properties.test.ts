import fc from 'fast-check'
import t from 'tap'
import { parseHostname } from '../../../../gateway/net/hostname.ts'
import { parsePort } from '../../../../gateway/net/port.ts'
import { decide } from '../../../../gateway/policy/decide.ts'
import type { Destination } from '../../../../gateway/policy/decision.ts'
import type { Observation } from '../../../../gateway/policy/suggest-log.ts'
import { policyOf, request, rulesOf, suggested } from './sample-log.ts'

function destinationOf(line: Observation): Destination {
  const host = parseHostname(line.host ?? '')
  const port = parsePort(line.port ?? 0)
  if (host === undefined || port === undefined) throw new TypeError('the test made a line without host or port')
  if (line.layer !== 'http') return { kind: 'endpoint', transport: line.layer === 'udp' ? 'udp' : 'tcp', host, port }
  const scheme =
    line.protocol === 'websocket'
      ? line.inspected === true
        ? 'wss'
        : 'ws'
      : line.inspected === true
        ? 'https'
        : 'http'
  return { kind: 'request', scheme, host, port, method: line.method ?? '', path: line.path ?? '' }
}

const segment = fc.oneof(
  fc.constantFrom(
    'api',
    'v1',
    'repos',
    '',
    '-',
    'a%2Fb',
    '@acme',
    'left-pad-1.3.0.tgz',
    '12',
    '0123456789abcdef',
    'x*y',
    'a{b',
  ),
  fc.stringMatching(/^[a-z]{1,3}$/),
)
const path = fc
  .array(segment, { minLength: 1, maxLength: 9 })
  .map(segments => `/${segments.join('/')}`.replaceAll('{', '%7B'))
const host = fc.oneof(
  fc.constantFrom('npm.acme.test', 'git.acme.test', 'one.tenants.test', 'localname'),
  fc.integer({ min: 0, max: 40 }).map(number => `cdn${number}.acme.test`),
)
const webLine = fc
  .record({
    host,
    path,
    method: fc.constantFrom('GET', 'POST', 'PROPFIND'),
    inspected: fc.boolean(),
    port: fc.constantFrom(80, 443, 8443),
  })
  .map(({ host: name, path: at, ...rest }) => request(name, at, rest))
const line = fc.oneof(
  { weight: 6, arbitrary: webLine },
  fc
    .record({ host, path })
    .map(({ host: name, path: at }) => request(name, at, { protocol: 'websocket', reason: 'upgrade' })),
  fc.record({
    layer: fc.constantFrom('tls', 'tcp', 'udp'),
    host,
    port: fc.constantFrom(22, 443, 123),
    verdict: fc.constantFrom('allow', 'observe'),
    reason: fc.constant('no-rule'),
  }),
)

t.test('suggestion(): allows every flow that was seen, whatever was seen', async t => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 120 }), lines => {
      const suggestion = suggested(lines)
      const policy = policyOf(suggestion)
      const missing = lines.filter(seen => decide(policy, destinationOf(seen)).verdict !== 'allow')
      return suggestion.heldBack.length === 0 && missing.length === 0
    }),
    { numRuns: 300 },
  )
  t.pass('held for every generated log')
})

t.test('suggestion(): allows nothing on a host that was never seen', async t => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), fc.domain(), path, (lines, other, at) => {
      const policy = policyOf(suggested(lines))
      return decide(policy, destinationOf(request(other, at))).verdict === 'deny'
    }),
    { numRuns: 100 },
  )
  t.pass('held for every generated log and host')
})

t.test('suggestion(): with exact hosts, allows no name but those seen', async t => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), host, (lines, other) => {
      const policy = policyOf(suggested(lines, { wildcards: false }))
      const name = parseHostname(other)
      if (name === undefined) return false
      const isSeen = lines.some(seen => seen.host === other)
      return decide(policy, { kind: 'name', host: name }).verdict === (isSeen ? 'allow' : 'deny')
    }),
    { numRuns: 100 },
  )
  t.pass('held for every generated log and host')
})

t.test('suggestion(): allows no method that was not seen on an inspected host', async t => {
  fc.assert(
    fc.property(fc.array(webLine, { minLength: 1, maxLength: 60 }), lines => {
      const policy = policyOf(suggested(lines, { wildcards: false }))
      return lines
        .filter(seen => seen.layer === 'http')
        .every(seen => decide(policy, destinationOf({ ...seen, method: 'DELETE', protocol: 'h2' })).verdict === 'deny')
    }),
    { numRuns: 100 },
  )
  t.pass('held for every generated log')
})

t.test('suggestion(): does not depend on the order of lines', async t => {
  const shuffled = fc
    .array(line, { minLength: 1, maxLength: 30 })
    .chain(lines =>
      fc.tuple(fc.constant(lines), fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length })),
    )
  fc.assert(
    fc.property(shuffled, ([lines, other]) => {
      t.strictSame(rulesOf(suggested(other)), rulesOf(suggested(lines)))
    }),
    { numRuns: 100 },
  )
})
