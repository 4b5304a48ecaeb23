import t from 'tap'
import { withMode } from '../../../gateway/policy/compile.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import { address, host, literal, name, policyOf, port } from './sample.ts'

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
