import t from 'tap'
import { withMode } from '../../../gateway/policy/compile.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import { narrow, withoutEffect } from '../../../gateway/policy/narrow.ts'
import { namesPath } from '../../../gateway/policy/names-path.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { address, connection, name, policyOf, request } from './sample.ts'

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
  t.match(decide(both, name('bad.acme.example')), {
    verdict: 'deny',
    reason: 'denied-by-rule',
    rule: 'deny[0] bad.acme.example',
  })
})

t.test('narrow(): the policy that has no rule for it is named', async t => {
  const both = narrow(policyOf({ allow: ['a.test', 'b.test'] }), policyOf({ allow: ['a.test', 'c.test'] }))
  t.match(decide(both, name('b.test')), { verdict: 'deny', reason: 'no-rule', rule: 'job: no rule' })
  t.match(decide(both, name('c.test')), { verdict: 'deny', reason: 'no-rule', rule: null }, 'the platform has none')
  const thrice = narrow(both, policyOf({ allow: ['d.test'] }))
  t.match(decide(thrice, name('a.test')), { verdict: 'deny', reason: 'no-rule', rule: 'job 2: no rule' })
})

t.test('narrow(): P3: if either blocks, both block', async t => {
  const platform = policyOf({ allow: ['a.test', 'b.test'] })
  const job = policyOf({ mode: 'audit', allow: ['a.test', 'c.test'] })
  for (const both of [narrow(platform, job), narrow(withMode(platform, 'audit'), withMode(job, 'block'))]) {
    t.equal(both.mode, 'block')
    t.match(decide(both, name('a.test')), { verdict: 'allow' })
    t.match(decide(both, name('b.test')), { verdict: 'deny', rule: 'job: no rule' })
    t.match(decide(both, name('c.test')), { verdict: 'deny', rule: null })
  }
  const neither = narrow(withMode(platform, 'audit'), job)
  t.equal(neither.mode, 'audit')
  t.match(decide(neither, name('b.test')), { verdict: 'observe', rule: 'job: no rule' })
})

t.test('narrow(): P3: a job that only audits does not switch off the limits of a platform that blocks', async t => {
  const platform = policyOf({ allow: [{ to: 'a.test', maxRequestBytes: 10 }] })
  const both = narrow(platform, policyOf({ mode: 'audit' }))
  t.match(decide(both, request('PUT https://a.test/')), { verdict: 'deny', reason: 'no-rule' })
})

t.test('narrow(): inspection wins where only one of the two asks for it', async t => {
  const passing = policyOf({ allow: ['tls://a.test', 'tcp://b.test:443'] })
  const reading = policyOf({ allow: ['GET a.test/x', 'b.test'], tls: { inspect: 'all' } })
  for (const both of [narrow(passing, reading), narrow(reading, passing)]) {
    const inspected = { inspectTls: true, passTls: false, http: false, raw: false }
    t.match(decide(both, connection('a.test')), { verdict: 'allow', carriage: inspected })
    t.match(decide(both, connection('b.test')), { verdict: 'allow', carriage: inspected })
    t.equal(both.tls.inspect, 'all')
  }
})

t.test('narrow(): a job that does not say what to inspect reads what its own rules need, and no more', async t => {
  const platform = policyOf({ allow: ['**.test'], tls: { inspect: 'none' } })
  const job = { allow: ['a.test', 'GET https://b.test/x'] }
  const silent = narrow(platform, policyOf(job))
  t.match(decide(silent, connection('a.test')), { carriage: { passTls: true, inspectTls: false } })
  t.match(decide(silent, connection('b.test')), { carriage: { passTls: false, inspectTls: true } })
  const said = narrow(platform, policyOf({ ...job, tls: { inspect: 'all' } }))
  t.match(decide(said, connection('a.test')), { carriage: { passTls: false, inspectTls: true } })
  const reading = narrow(policyOf({ allow: ['**.test'] }), policyOf({ ...job, tls: { inspect: 'rules' } }))
  t.match(decide(reading, connection('a.test')), { carriage: { passTls: false, inspectTls: true } }, 'P3')
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
  t.ok(silent.mayResolveTo(address('10.1.2.3')))
  const tight = narrow(platform, policyOf({ private: ['10.1.0.0/16', '192.168.0.0/16'] }))
  t.ok(tight.mayResolveTo(address('10.1.2.3')))
  t.notOk(tight.mayResolveTo(address('10.2.0.1')))
  t.notOk(tight.mayResolveTo(address('192.168.0.1')))
  t.notOk(narrow(policyOf({}), policyOf({ private: ['10.0.0.0/8'] })).mayResolveTo(address('10.1.2.3')))
})

t.test('narrow(): a log that cannot be written stops new flows if either says so', async t => {
  const on = (onLogFailure: 'deny' | 'allow'): Policy => policyOf({ onLogFailure })
  t.equal(narrow(on('allow'), on('deny')).onLogFailure, 'deny')
  t.equal(narrow(on('deny'), on('allow')).onLogFailure, 'deny')
  t.equal(narrow(on('allow'), on('allow')).onLogFailure, 'allow')
  t.equal(narrow(on('allow'), policyOf({})).onLogFailure, 'allow', 'what is not said changes nothing')
})

t.test('narrow(): P3: naming hosts in the job’s policy does not take them out of the DNS budget', async t => {
  const both = narrow(policyOf({ allow: ['**.zone.test'] }), policyOf({ allow: ['c2vjcmv0.zone.test'] }))
  t.notMatch(decide(both, name('c2vjcmv0.zone.test')), { namesHost: true })
  const named = narrow(policyOf({ allow: ['a.zone.test'] }), policyOf({ allow: ['**.zone.test'] }))
  t.match(decide(named, name('a.zone.test')), { namesHost: true })
})

t.test('namesPath(): P3: DNS over HTTPS needs a rule on its path in every policy', async t => {
  const asked = request('POST https://a.test/dns-query')
  if (asked.kind !== 'request') throw new TypeError('a request')
  const [whole, path] = [policyOf({ allow: ['a.test'] }), policyOf({ allow: ['https://a.test/dns-query'] })]
  t.notOk(namesPath(whole, asked))
  t.ok(namesPath(path, asked))
  t.notOk(namesPath(narrow(whole, path), asked), 'the job cannot name it for the platform')
  t.notOk(namesPath(narrow(path, whole), asked))
  t.ok(namesPath(narrow(path, path), asked))
})

t.test('withoutEffect(): says what a job’s policy asks for in vain', async t => {
  const platform = policyOf({ allow: ['a.test'] })
  t.same(withoutEffect(platform, policyOf({ allow: ['a.test'] })), [])
  const vain = policyOf({ mode: 'audit', tls: { extraCa: ['/evil.pem'] }, onLogFailure: 'allow' })
  t.equal(withoutEffect(platform, vain).length, 3)
  t.equal(withoutEffect(withMode(platform, 'audit'), platform).length, 1, 'the platform blocks from now on')
})
