import t from 'tap'
import { parseHostname } from '../../../../gateway/net/hostname.ts'
import { decide } from '../../../../gateway/policy/decide.ts'
import type { Observation } from '../../../../gateway/policy/suggest-log.ts'
import { renderSuggestion } from '../../../../gateway/policy/suggest-text.ts'
import { Suggester } from '../../../../gateway/policy/suggest.ts'
import { knowledge, policyOf, request, rulesOf, suggested } from './sample-log.ts'

const cases: readonly [string, readonly Observation[], readonly string[]][] = [
  [
    'methods of one path stand together',
    [request('a.test', '/x'), request('a.test', '/x', { method: 'POST' })],
    ['GET,POST https://a.test/x'],
  ],
  [
    'a method keeps to its own paths',
    [request('a.test', '/x'), request('a.test', '/y', { method: 'POST' })],
    ['GET https://a.test/x', 'POST https://a.test/y'],
  ],
  [
    'ids, hashes and versions become *',
    ['/r/1/x', '/r/22/x', '/r/0123456789abcdef/x', '/r/v1.2.3/x'].map(at => request('a.test', at)),
    ['GET https://a.test/r/*/x'],
  ],
  [
    'many siblings with nothing below become *',
    Array.from({ length: 9 }, (_, index) => request('a.test', `/p/${'abcdefghi'[index]}`)),
    ['GET https://a.test/p/*'],
  ],
  [
    'many siblings with more below become **',
    Array.from({ length: 9 }, (_, index) => request('a.test', `/p/${'abcdefghi'[index]}/x/y`)),
    ['GET https://a.test/p/**'],
  ],
  [
    'eight siblings are still told apart',
    Array.from({ length: 8 }, (_, index) => request('a.test', `/p/${'abcdefgh'[index]}`)),
    Array.from({ length: 8 }, (_, index) => `GET https://a.test/p/${'abcdefgh'[index]}`),
  ],
  [
    'plain http keeps its port',
    [request('a.test', '/x', { inspected: false, port: 8080 })],
    ['GET http://a.test:8080/x'],
  ],
  ['a WebSocket is a wss rule', [request('a.test', '/s', { protocol: 'websocket' })], ['wss://a.test/s']],
  [
    'passed TLS is a tls rule',
    [{ layer: 'tls', host: 'a.test', port: 443, verdict: 'allow', reason: 'rule' }],
    ['tls://a.test'],
  ],
  [
    'raw TCP is a tcp rule',
    [{ layer: 'tcp', host: 'a.test', port: 22, verdict: 'observe', reason: 'no-rule' }],
    ['tcp://a.test:22'],
  ],
  [
    'UDP is a udp rule',
    [{ layer: 'udp', host: 'a.test', port: 123, verdict: 'observe', reason: 'no-rule' }],
    ['udp://a.test:123'],
  ],
  [
    'an npm registry becomes one line, read-only, when three of its packages were fetched',
    ['left', 'right', '@acme/up'].flatMap(name => [
      request('npm.acme.test', `/${name}`),
      request('npm.acme.test', `/${name}/-/it-1.0.0.tgz`),
      request('npm.acme.test', `/-/npm/v1/security/advisories/bulk`, { method: 'POST' }),
    ]),
    ['GET https://npm.acme.test/**', 'POST https://npm.acme.test/-/npm/v1/security/advisories/bulk'],
  ],
  [
    'two packages stay packages',
    ['left', 'right'].map(name => request('npm.acme.test', `/${name}/-/${name}-1.0.0.tgz`)),
    ['GET https://npm.acme.test/left/-/*', 'GET https://npm.acme.test/right/-/*'],
  ],
  [
    'packages where anyone can have a registry stay packages',
    ['a', 'b', 'c'].map(name => request('one.tenants.test', `/${name}/-/${name}-1.0.0.tgz`)),
    ['a', 'b', 'c'].map(name => `GET https://one.tenants.test/${name}/-/*`),
  ],
  [
    'three names that rotate become a pattern',
    ['cdn1', 'cdn22', 'cdn3'].map(name => request(`${name}.acme.test`, '/x')),
    ['GET https://cdn*.acme.test/x'],
  ],
  [
    'two names that rotate stay names',
    ['cdn1', 'cdn2'].map(name => request(`${name}.acme.test`, '/x')),
    ['GET https://cdn1.acme.test/x', 'GET https://cdn2.acme.test/x'],
  ],
  [
    'names that rotate where anyone can have one stay names',
    ['a1', 'a2', 'a3'].map(name => request(`${name}.tenants.test`, '/x')),
    ['a1', 'a2', 'a3'].map(name => `GET https://${name}.tenants.test/x`),
  ],
  [
    'names that rotate below a public suffix stay names',
    ['a1', 'a2', 'a3'].map(name => request(`${name}.test`, '/x')),
    ['a1', 'a2', 'a3'].map(name => `GET https://${name}.test/x`),
  ],
  ['a name that was only asked for is not opened', [{ layer: 'dns', host: 'a.test', verdict: 'allow' }], []],
  [
    'a client that refused our certificate opens nothing',
    [{ layer: 'tls', host: 'a.test', port: 443, verdict: 'allow', error: 'CLIENT_REFUSED_CA' }],
    [],
  ],
]
for (const [name, lines, expected] of cases) {
  t.test(`suggestion(): ${name}`, async t => {
    t.strictSame(rulesOf(suggested(lines)), expected)
  })
}

const held: readonly [string, readonly Observation[]][] = [
  ['a refused request', [request('a.test', '/x', { verdict: 'deny', reason: 'no-rule' })]],
  ['a forbidden host', [request('drop.test', '/x')]],
  ['domain fronting', [request('a.test', '/x', { reason: 'host-mismatch' })]],
  [
    'an address literal',
    [{ layer: 'tcp', address: '203.0.113.9', port: 443, verdict: 'observe', reason: 'address-literal' }],
  ],
  [
    'an address literal that a rule allowed',
    [{ layer: 'tcp', address: '203.0.113.9', port: 443, verdict: 'allow', reason: 'rule' }],
  ],
  ['an address as the host of a request', [request('203.0.113.9', '/x')]],
  [
    'a metadata address behind a name',
    [request('a.test', '/x', { address: '169.254.169.254', verdict: 'allow', reason: 'rule' })],
  ],
  [
    'a name that resolved to a private address unasked',
    [request('a.test', '/x', { address: '10.1.2.3', reason: 'private-address' })],
  ],
  ['a method no rule can name', [request('a.test', '/x', { method: 'get' })]],
  ['a path that is not in normal form', [request('a.test', '/x/../y')]],
  ['what could not be parsed', [{ layer: 'tcp', host: 'a.test', port: 443, verdict: 'observe', reason: 'malformed' }]],
  [
    'a domain that was used as a DNS tunnel',
    [request('a.acme.test', '/x'), { layer: 'dns', host: 'bbbb.t.acme.test', verdict: 'deny', reason: 'dns-budget' }],
  ],
]
for (const [name, lines] of held) {
  t.test(`suggestion(): ${name} is held back and shown with why`, async t => {
    const suggestion = suggested(lines)
    t.strictSame(suggestion.rules, [])
    t.equal(suggestion.heldBack.length, 1)
    t.equal(suggestion.heldBack[0]?.rules.length, 1)
    t.match(renderSuggestion(suggestion, 'block', ['test']), `# Held back: ${suggestion.heldBack[0]?.why}`)
  })
}

t.test('suggestion(): a private address that the old policy allowed comes with its range', async t => {
  const suggestion = suggested([
    request('db.acme.test', '/x', { address: '10.1.2.3', verdict: 'allow', reason: 'rule' }),
  ])
  t.strictSame(suggestion.private, [{ range: '10.1.2.3', hosts: ['db.acme.test'] }])
  t.match(renderSuggestion(suggestion, 'block', ['test']), 'private:\n  - 10.1.2.3/32 # db.acme.test')
})

t.test('suggestion(): memory is bounded, and what has no rule is counted', async t => {
  const suggester = new Suggester({ ...knowledge, wildcards: false })
  for (let index = 0; index < 20_010; index += 1) suggester.add(request(`h${index}.acme.test`, '/x'))
  const suggestion = suggester.suggestion()
  t.equal(suggestion.rules.length, 20_000)
  t.equal(suggestion.overflow, 10)
  t.match(renderSuggestion(suggestion, 'block', ['test']), 'INCOMPLETE')
})

t.test('renderSuggestion(): counts what was seen of each rule', async t => {
  const facts = { program: 'npm', bytesReceived: 17_000, bytesSent: 400 }
  const lines = [
    request('a.test', '/x', { ...facts, time: '2026-01-02T00:00:00.000Z' }),
    request('a.test', '/x', { ...facts, time: '2026-01-01T00:00:00.000Z' }),
  ]
  t.match(
    renderSuggestion(suggested(lines), 'block', ['test']),
    '- GET https://a.test/x # 2 requests by npm, 34 kB in, 800 B out; first seen 2026-01-01T00:00:00.000Z',
  )
})

t.test('renderSuggestion(): nothing in a log can add a line to the policy', async t => {
  const evil = 'npm\n  - "**"\u2028  - evil.test'
  const suggestion = suggested([
    request('a.test', '/x', { program: evil }),
    { layer: 'dns', host: evil, verdict: 'allow' },
  ])
  const policy = policyOf(suggestion)
  const evilHost = parseHostname('evil.test')
  t.ok(evilHost)
  if (evilHost !== undefined) t.equal(decide(policy, { kind: 'name', host: evilHost }).verdict, 'deny')
})
