import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Carriage, Destination } from '../../../gateway/policy/decision.ts'
import { connection, type Lists, policyOf, request } from './sample.ts'

const none: Carriage = { inspectTls: false, passTls: false, http: false, raw: false }
const carriages: readonly [string, Lists, Destination, Carriage][] = [
  ['https is inspected', { allow: ['a.test'] }, connection('a.test'), { ...none, inspectTls: true }],
  ['wss is inspected', { allow: ['wss://a.test'] }, connection('a.test'), { ...none, inspectTls: true }],
  ['tls is passed', { allow: ['tls://a.test'] }, connection('a.test'), { ...none, passTls: true }],
  ['http is read', { allow: ['http://a.test'] }, connection('a.test', 80), { ...none, http: true }],
  [
    'tcp is raw alone, so that nobody waits for the client',
    { allow: ['tcp://a.test:443'] },
    connection('a.test'),
    { ...none, raw: true },
  ],
  ['udp is raw', { allow: ['udp://a.test:443'] }, connection('a.test', 443, 'udp'), { ...none, raw: true }],
  [
    'http and https on one port',
    { allow: ['a.test:8080', 'http://a.test:8080'] },
    connection('a.test', 8080),
    { ...none, inspectTls: true, http: true },
  ],
  [
    'tls:// for a host keeps it unread under a wider https rule',
    { allow: ['**.test', 'tls://a.test'] },
    connection('a.test'),
    { ...none, passTls: true },
  ],
  [
    'a deny on a path makes tls:// inspected',
    { allow: ['tls://a.test'], deny: ['POST a.test/x'] },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
  [
    'a deny on an upgrade makes tls:// inspected',
    { allow: ['tls://a.test'], deny: ['wss://a.test'] },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
  [
    'a deny on a path leaves of tcp:// what can be read: TLS is inspected, HTTP read, and nothing raw',
    { allow: ['tcp://a.test:443'], deny: ['a.test/x'] },
    connection('a.test'),
    { ...none, inspectTls: true, http: true },
  ],
  [
    'a deny on an http path leaves of tcp:// what can be read, and TLS as it is',
    { allow: ['tcp://a.test:80'], deny: ['http://a.test/x'] },
    connection('a.test', 80),
    { ...none, passTls: true, http: true },
  ],
  [
    'inspect none passes',
    { allow: ['a.test'], tls: { inspect: 'none' } },
    connection('a.test'),
    { ...none, passTls: true },
  ],
  [
    'inspect rules passes a bare host',
    { allow: ['a.test'], tls: { inspect: 'rules' } },
    connection('a.test'),
    { ...none, passTls: true },
  ],
  [
    'inspect rules inspects a host with a path',
    { allow: ['a.test', 'a.test/x'], tls: { inspect: 'rules' } },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
  [
    'inspect rules inspects a host with a method',
    { allow: ['GET a.test'], tls: { inspect: 'rules' } },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
  [
    'inspect rules inspects a host with a limit',
    { allow: [{ to: 'a.test', maxRequestBytes: 1 }], tls: { inspect: 'rules' } },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
  [
    'inspect rules inspects a host with a deny on a path',
    { allow: ['a.test'], deny: ['a.test/x'], tls: { inspect: 'rules' } },
    connection('a.test'),
    { ...none, inspectTls: true },
  ],
]
for (const [title, lists, destination, carriage] of carriages) {
  t.test(`decide(): ${title}`, async t => {
    t.match(decide(policyOf(lists), destination), { verdict: 'allow', carriage })
  })
}

t.test('decide(): what is passed unread allows any request, should one be asked about', async t => {
  const passed = policyOf({ allow: ['tls://a.test', 'tcp://b.test:80'] })
  t.match(decide(passed, request('DELETE https://a.test/x')), { verdict: 'allow' })
  t.match(decide(passed, request('GET wss://a.test/x')), { verdict: 'allow' })
  t.match(decide(passed, request('GET ws://b.test/x')), { verdict: 'allow' })
  t.match(decide(passed, request('GET http://a.test:443/x')), { verdict: 'deny', reason: 'protocol' })
})

t.test('decide(): how a connection is carried changes which rule is named, and nothing else', async t => {
  const policy = policyOf({ allow: ['a.test/only/this', 'tcp://a.test:443', 'tls://a.test'] })
  const here = connection('a.test')
  if (here.kind !== 'endpoint') throw new Error('not a connection')
  const named = ([undefined, 'tls', 'raw'] as const).map(carried =>
    decide(policy, carried === undefined ? here : { ...here, carried }),
  )
  t.strictSame(
    named.map(({ rule }) => rule),
    ['allow[0] a.test/only/this', 'allow[2] tls://a.test', 'allow[1] tcp://a.test:443'],
  )
  t.strictSame(
    named.map(decision => ({ ...decision, rule: '' })),
    named.map(() => ({ ...named[0], rule: '' })),
  )
  t.match(decide(policyOf({}), { ...here, carried: 'raw' }), { verdict: 'deny', reason: 'no-rule' })
})
