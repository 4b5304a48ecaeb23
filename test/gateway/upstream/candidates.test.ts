import t from 'tap'
import { chooseCandidates } from '../../../gateway/upstream/candidates.ts'
import { address, hostname, policyOf, port } from '../door/fake-job.ts'

const name = hostname('api.example.test')
const block = policyOf('block', ['api.example.test'], 'private: [10.20.0.0/16]\n')
const audit = policyOf('audit', ['api.example.test'])

const cases: readonly [string, typeof block, readonly string[], readonly string[] | 'denied'][] = [
  [
    'the families take turns, IPv6 first',
    block,
    ['203.0.113.1', '203.0.113.2', '2606:4700::1', '203.0.113.3', '2606:4700::2'],
    ['2606:4700::1', '203.0.113.1', '2606:4700::2', '203.0.113.2', '203.0.113.3'],
  ],
  ['an address twice is tried once', block, ['203.0.113.1', '203.0.113.1'], ['203.0.113.1']],
  ['D10 private ranges are left out', block, ['10.0.0.1', '192.168.1.1', '203.0.113.1', '172.16.0.1'], ['203.0.113.1']],
  ['a private range of the policy is not', block, ['10.20.0.1', '10.21.0.1'], ['10.20.0.1']],
  ['D10 nothing is left', block, ['10.0.0.1', '127.0.0.1', '169.254.169.254'], 'denied'],
  ['N2 wrapped loopback is loopback', audit, ['64:ff9b::7f00:1', '2002:7f00:1::'], 'denied'],
  ['N16 metadata addresses are not public', block, ['169.254.169.254', '168.63.129.16', 'fd00:ec2::254'], 'denied'],
  ['in audit what block would leave out comes last', audit, ['10.0.0.1', '203.0.113.1'], ['203.0.113.1', '10.0.0.1!']],
  [
    'never dialled, in audit either',
    audit,
    ['127.0.0.1', '::1', '0.0.0.0', '198.18.0.9', '198.19.0.1', '224.0.0.1', '255.255.255.255', 'ff02::1', '::'],
    'denied',
  ],
]
for (const [sentence, policy, addresses, expected] of cases) {
  t.test(`chooseCandidates(): ${sentence}`, async t => {
    const chosen = chooseCandidates({ host: name, port: port(443), policy }, addresses.map(address))
    const seen =
      'verdict' in chosen ? 'denied' : chosen.map(({ address: to, observed }) => `${to}${observed ? '!' : ''}`)
    t.strictSame(seen, expected)
    if ('verdict' in chosen) t.strictSame(chosen, { verdict: 'deny', reason: 'private-address', rule: null })
  })
}

function literal(text: string): Parameters<typeof chooseCandidates>[0] {
  return { host: address(text), port: port(443), policy: block }
}

t.test('chooseCandidates(): a literal was decided as such, but is not dialled where nothing is', async t => {
  t.strictSame(chooseCandidates(literal('10.9.9.9'), [address('10.9.9.9')]), [{ address: '10.9.9.9', observed: false }])
  t.match(chooseCandidates(literal('127.0.0.1'), [address('127.0.0.1')]), { verdict: 'deny' })
})
