import fc from 'fast-check'
import t from 'tap'
import { narrow, withMode } from '../../../gateway/policy/compile.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { address, connection, host, literal, name, policyOf, port, request } from './sample.ts'

t.test('withMode(): the same rules in another mode, under another digest', async t => {
  const block = policyOf({ allow: ['a.test'], forbid: ['x.test'] })
  const audit = withMode(block, 'audit')
  t.equal(audit.mode, 'audit')
  t.not(audit.digest, block.digest)
  t.match(decide(audit, name('b.test')), { verdict: 'observe', reason: 'no-rule' })
  t.match(decide(audit, name('x.test')), { verdict: 'deny', reason: 'forbidden' })
  t.match(decide(block, name('b.test')), { verdict: 'deny' }, 'the first is left as it was')
  t.equal(withMode(block, 'block'), block)
})

t.test('narrow(): P3: a flow passes only if both policies let it', async t => {
  const platform = policyOf({ allow: ['**.acme.example', 'tcp://git.test:22'], deny: ['bad.acme.example'] })
  const job = policyOf({ allow: ['GET https://npm.acme.example/lib/**', '**.evil.test', 'bad.acme.example'] })
  const both = narrow(platform, job)
  t.match(decide(both, name('npm.acme.example')), {
    verdict: 'allow',
    rule: 'allow[0] **.acme.example; job: allow[0] GET https://npm.acme.example/lib/**',
  })
  t.match(decide(both, request('GET https://npm.acme.example/lib/x')), { verdict: 'allow' })
  t.match(decide(both, request('POST https://npm.acme.example/lib/x')), {
    verdict: 'deny',
    reason: 'method',
    rule: 'job: allow[0] GET https://npm.acme.example/lib/**',
  })
  t.match(decide(both, name('x.evil.test')), { verdict: 'deny', reason: 'no-rule', rule: null })
  t.match(decide(both, name('bad.acme.example')), {
    verdict: 'deny',
    reason: 'denied-by-rule',
    rule: 'deny[0] bad.acme.example',
  })
  t.match(decide(both, connection('git.test', 22)), { verdict: 'deny', reason: 'no-rule' })
})

t.test(
  'narrow(): P3: a job in audit does not loosen a platform in block, and one in block tightens one in audit',
  async t => {
    const platform = policyOf({ allow: ['a.test', 'b.test'] })
    const job = policyOf({ mode: 'audit', allow: ['a.test', 'c.test'] })
    const both = narrow(platform, job)
    t.equal(both.mode, 'block')
    t.match(decide(both, name('a.test')), { verdict: 'allow' })
    t.match(decide(both, name('b.test')), { verdict: 'observe' })
    t.match(decide(both, name('c.test')), { verdict: 'deny' })
    const tightened = narrow(withMode(platform, 'audit'), withMode(job, 'block'))
    t.equal(tightened.mode, 'block')
    t.match(decide(tightened, name('b.test')), { verdict: 'deny' })
    t.match(decide(tightened, name('c.test')), { verdict: 'observe' })
  },
)

t.test('narrow(): P3: what a job adds never opens anything', async t => {
  const openness = { deny: 0, observe: 1, allow: 2 } as const
  const rules = fc.array(
    fc.constantFrom(
      'a.test',
      '**.test',
      'tls://a.test',
      'tcp://a.test:443',
      'GET a.test/x',
      'wss://a.test',
      'tcp://10.0.0.0/8:443',
    ),
    { maxLength: 4 },
  )
  const mode = fc.constantFrom('audit' as const, 'block' as const)
  const destination = fc.constantFrom(
    name('a.test'),
    connection('a.test'),
    request('GET https://a.test/x'),
    request('POST https://a.test/'),
    request('GET wss://a.test/'),
    literal('10.0.0.1'),
    connection('a.test', 443, 'udp'),
  )
  fc.assert(
    fc.property(rules, rules, rules, mode, mode, destination, (allow, jobAllow, deny, one, other, to) => {
      const platform = policyOf({ mode: one, allow })
      const both = narrow(platform, policyOf({ mode: other, allow: jobAllow, deny }))
      return openness[decide(both, to).verdict] <= openness[decide(platform, to).verdict]
    }),
    { numRuns: 3_000 },
  )
  t.pass('held for every generated pair')
})

t.test('narrow(): inspection wins where only one of the two asks for it', async t => {
  const passing = policyOf({ allow: ['tls://a.test', 'tcp://b.test:443'] })
  const reading = policyOf({ allow: ['GET a.test/x', 'b.test'] })
  for (const both of [narrow(passing, reading), narrow(reading, passing)]) {
    const inspected = { inspectTls: true, passTls: false, http: false, raw: false }
    t.match(decide(both, connection('a.test')), { verdict: 'allow', carriage: inspected })
    t.match(decide(both, connection('b.test')), { verdict: 'allow', carriage: inspected })
  }
})

t.test('narrow(): two ways that have nothing in common are a denial', async t => {
  const both = narrow(policyOf({ allow: ['https://a.test:8080'] }), policyOf({ allow: ['http://a.test:8080'] }))
  t.match(decide(both, connection('a.test', 8080)), { verdict: 'deny', reason: 'protocol' })
})

function limit(maxRequestBytes: number): Policy {
  return policyOf({ allow: [{ to: 'a.test', maxRequestBytes }] })
}

t.test('narrow(): the smaller limit holds', async t => {
  t.match(decide(narrow(limit(10), limit(5)), request('PUT https://a.test/')), { maxRequestBytes: 5 })
  t.match(decide(narrow(limit(5), limit(10)), request('PUT https://a.test/')), { maxRequestBytes: 5 })
  t.match(decide(narrow(limit(5), policyOf({ allow: ['a.test'] })), request('PUT https://a.test/')), {
    maxRequestBytes: 5,
  })
})

t.test('narrow(): trust and private ranges are the platform’s; a job can only take ranges away', async t => {
  const platform = policyOf({ private: ['10.0.0.0/8'], tls: { extraCa: ['/etc/ca.pem'] }, onLogFailure: 'allow' })
  const silent = narrow(platform, policyOf({ tls: { extraCa: ['/evil.pem'] } }))
  t.same(silent.tls.extraCa, ['/etc/ca.pem'])
  t.equal(silent.onLogFailure, 'deny')
  t.ok(silent.mayResolveTo(address('10.1.2.3')))
  const tight = narrow(platform, policyOf({ private: ['10.1.0.0/16', '192.168.0.0/16'] }))
  t.ok(tight.mayResolveTo(address('10.1.2.3')))
  t.notOk(tight.mayResolveTo(address('10.2.0.1')))
  t.notOk(tight.mayResolveTo(address('192.168.0.1')))
  t.notOk(narrow(policyOf({}), policyOf({ private: ['10.0.0.0/8'] })).mayResolveTo(address('10.1.2.3')))
})

t.test(
  'mayResolveTo(): D10: public addresses and the ranges of `private`, in every spelling, and nothing else',
  async t => {
    const policy = policyOf({ private: ['10.20.0.0/16', '169.254.0.0/16', 'fd12:3456::/32', '168.63.129.16'] })
    const may = [
      '203.0.113.9',
      '2606:4700::1',
      '10.20.3.4',
      '::ffff:10.20.3.4',
      'fd12:3456::1',
      '169.254.1.1',
      '168.63.129.16',
      '64:ff9b::203.0.113.9',
    ]
    const mayNot = [
      '10.21.0.1',
      '192.168.1.1',
      '127.0.0.1',
      '0.0.0.0',
      '::1',
      '169.254.169.254',
      '100.64.0.1',
      '224.0.0.1',
      '198.18.0.1',
      '64:ff9b::10.20.3.4',
      'fe80::1',
      '4000::1',
    ]
    for (const raw of may) t.ok(policy.mayResolveTo(address(raw)), raw)
    for (const raw of mayNot) t.notOk(policy.mayResolveTo(address(raw)), raw)
  },
)

t.test('neverDial(): the machine itself, groups and virtual addresses, whatever the rules say', async t => {
  const policy = policyOf({ allow: ['tcp://0.0.0.0/0:1-65535'], private: ['0.0.0.0/0'] })
  for (const raw of [
    '127.0.0.1',
    '0.0.0.0',
    '::',
    '::1',
    '224.0.0.1',
    '255.255.255.255',
    '198.19.0.1',
    'ff02::1',
    '64:ff9b::7f00:1',
  ]) {
    t.ok(policy.neverDial(address(raw)), raw)
    t.notOk(policy.mayResolveTo(address(raw)), raw)
    t.match(decide(policy, literal(raw)), { verdict: 'deny', reason: 'private-address' })
  }
  for (const raw of ['203.0.113.9', '10.0.0.1', '169.254.169.254']) t.notOk(policy.neverDial(address(raw)), raw)
})

t.test('decide(): the rules examined do not grow with the rules there are', async t => {
  const countOf = (count: number): number => {
    const allow = Array.from({ length: count }, (_, index) => [
      `host${String(index)}.test`,
      `**.zone${String(index)}.test`,
      `GET https://api.test/repos/owner${String(index)}/**`,
    ]).flat()
    const policy = policyOf({ allow, deny: allow.map(rule => rule.replace('.test', '.example')) })
    const [layer] = policy.layers
    if (layer === undefined) return NaN
    let examined = 0
    for (const index of [layer.allowing, layer.refusing]) {
      for (const raw of ['host7.test', 'a.zone7.test', 'api.test', 'nobody.test']) {
        const match = index.find(host(raw))
        examined += match.endpoints().length + match.requests('/repos/owner7/x').length
      }
    }
    t.match(
      decide(policy, {
        kind: 'request',
        scheme: 'https',
        host: host('api.test'),
        port: port(443),
        method: 'GET',
        path: '/repos/owner7/x',
      }),
      { verdict: 'allow' },
    )
    return examined
  }
  const few = countOf(10)
  t.equal(countOf(3_000), few)
  t.ok(few <= 8, `${String(few)} rules`)
})
