import fc from 'fast-check'
import t from 'tap'
import { normalisePath } from '../../../gateway/net/path.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Destination } from '../../../gateway/policy/decision.ts'
import { explainFlow, explainReason, suggestLine } from '../../../gateway/policy/explain.ts'
import { parseExplainTarget } from '../../../gateway/policy/explain-target.ts'
import { connection, literal, name, policyOf, request } from './sample.ts'

const lines: readonly [string, Destination, string][] = [
  ['a name', name('a.test'), 'a.test'],
  ['https', connection('a.test'), 'a.test'],
  ['http', connection('a.test', 80), 'http://a.test'],
  ['another port', connection('a.test', 22), 'tcp://a.test:22'],
  ['UDP', connection('a.test', 443, 'udp'), 'udp://a.test:443'],
  ['an address', literal('203.0.113.9', 22), 'tcp://203.0.113.9:22'],
  ['an IPv6 address', literal('2001:db8::7', 53, 'udp'), 'udp://[2001:db8::7]:53'],
  ['a request', request('POST https://a.test/x/y'), 'POST https://a.test/x/y'],
  ['a request on another port', request('GET http://a.test:8080/'), 'GET http://a.test:8080/'],
  ['an upgrade', request('GET wss://a.test/socket'), 'wss://a.test/socket'],
  ['a path that holds a star', request('GET https://a.test/x**y'), 'GET https://a.test/x*y'],
]
for (const [title, destination, line] of lines) {
  t.test(`suggestLine(): ${title}: ${line}`, async t => {
    t.equal(suggestLine(destination), line)
  })
}

t.test('suggestLine(): the line is a rule that allows just what was asked, whatever that was', async t => {
  const host = fc.constantFrom('a.test', 'b.c.test')
  const port = fc.integer({ min: 1, max: 65_535 })
  const transport = fc.constantFrom('tcp' as const, 'udp' as const)
  const path = fc.oneof(
    fc.webPath(),
    fc.array(fc.constantFrom('/', '*', '**', 'a', '%2F', '.', ';'), { maxLength: 6 }).map(parts => parts.join('')),
  )
  const method = fc.constantFrom('GET', 'POST', 'get', 'M-SEARCH', 'X1')
  const destination: fc.Arbitrary<Destination | undefined> = fc.oneof(
    host.map(raw => name(raw)),
    fc.tuple(host, port, transport).map(parts => connection(...parts)),
    fc
      .tuple(fc.constantFrom('203.0.113.9', '10.1.2.3', '2001:db8::7'), port, transport)
      .map(parts => literal(...parts)),
    fc
      .tuple(method, fc.constantFrom('https', 'http', 'wss', 'ws'), host, port, path)
      .map(([verb, scheme, raw, number, at]) => {
        const normal = normalisePath(`/${at}`)
        return normal === undefined ? undefined : request(`${verb} ${scheme}://${raw}:${String(number)}${normal}`)
      }),
  )
  fc.assert(
    fc.property(destination, to => {
      if (to === undefined) return true
      const policy = policyOf({ allow: [suggestLine(to)] })
      return decide(policy, to).verdict === 'allow'
    }),
    { numRuns: 2_000 },
  )
  t.pass('held for every generated destination')
})

t.test('explainReason(): every reason is a clause without a stop', async t => {
  t.match(explainReason('no-rule'), /^[a-z].*[^.]$/)
  t.match(explainReason('forbidden'), /^[a-z].*[^.]$/)
})

const policy = policyOf({
  allow: ['GET https://api.test/v1/**', 'tls://pinned.test', 'tcp://git.test:22', 'tcp://10.0.0.0/8:443'],
  forbid: ['**.bad.test'],
})

function verdicts(text: string, method?: string): readonly string[] {
  const { transport, flow } = parseExplainTarget(text, method)
  return explainFlow(policy, transport, flow).steps.map(
    ({ destination, decision }) => `${destination.kind} ${decision.verdict}`,
  )
}

t.test('explainFlow(): follows a flow from its name to its request', async t => {
  t.same(verdicts('https://api.test/v1/x'), ['name allow', 'endpoint allow', 'request allow'])
  t.same(verdicts('https://api.test/v1/x', 'POST'), ['name allow', 'endpoint allow', 'request deny'])
})

t.test('explainFlow(): stops where a flow would end', async t => {
  t.same(verdicts('https://other.test/'), ['name deny'])
  t.same(verdicts('tcp://api.test:22'), ['name allow', 'endpoint deny'])
  t.same(verdicts('x.bad.test'), ['name deny'])
})

t.test('explainFlow(): says when nobody reads the requests', async t => {
  const { transport, flow } = parseExplainTarget('https://pinned.test/x', 'DELETE')
  t.match(explainFlow(policy, transport, flow), { unread: true, outcome: { decision: { verdict: 'allow' } } })
  t.same(verdicts('tcp://10.1.2.3:443'), ['address allow'])
})

t.test('explainFlow(): audit follows the flow to its end, and the outcome is what would be denied', async t => {
  const audit = policyOf({ mode: 'audit', allow: ['GET https://api.test/v1/**'] })
  const { transport, flow } = parseExplainTarget('https://api.test/v2', undefined)
  const { steps, outcome } = explainFlow(audit, transport, flow)
  t.equal(steps.length, 3)
  t.match(outcome, { destination: { kind: 'request' }, decision: { verdict: 'observe', reason: 'path' } })
})

const targets: readonly [string, string, Readonly<Record<string, unknown>>][] = [
  ['a bare host', 'a.test', { flow: { scheme: 'https', port: 443, path: '/' }, line: 'https://a.test' }],
  [
    'a URL with a query',
    'https://A.test/x/../y?secret=1',
    { flow: { host: 'a.test', path: '/y' }, line: 'GET https://a.test/y' },
  ],
  ['a query without a path', 'https://a.test?x', { flow: { path: '/' } }],
  ['a port', 'http://a.test:8080', { flow: { scheme: 'http', port: 8080 }, line: 'http://a.test:8080' }],
  ['ssh', 'tcp://a.test:22', { flow: { kind: 'place', port: 22 }, line: 'tcp://a.test:22' }],
  ['udp', 'udp://a.test:53', { transport: 'udp', line: 'udp://a.test:53' }],
  ['an address', '203.0.113.9', { flow: { host: '203.0.113.9' }, line: 'https://203.0.113.9:443' }],
  ['an IPv6 address', 'https://[2001:DB8::7]:8443/', { flow: { host: '2001:db8::7', port: 8443 } }],
]
for (const [title, text, expected] of targets) {
  t.test(`parseExplainTarget(): ${title}`, async t => {
    t.match(parseExplainTarget(text, undefined), expected)
  })
}

for (const text of [
  '',
  'a b',
  'ftp://a.test',
  'tcp://a.test',
  'a.test:0',
  'a.test:99999',
  '127.1',
  'https://user@a.test/',
  'https://a.test/\\x',
  '**.a.test',
]) {
  t.test(`parseExplainTarget(): ${JSON.stringify(text)} is no destination`, async t => {
    t.throws(() => parseExplainTarget(text, undefined), { code: 'USAGE' })
  })
}
