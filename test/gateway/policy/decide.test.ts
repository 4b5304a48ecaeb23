import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Destination, Reason } from '../../../gateway/policy/decision.ts'
import { connection, type Lists, literal, name, policyOf, request } from './sample.ts'

const sample: Lists = {
  allow: [
    'npm.acme.example',
    '**.blob.example.net',
    'results*.store.example.net',
    'GET,HEAD https://api.example.com/repos/acme/**',
    'http://apt.acme.example',
    'wss://realtime.example.com/socket',
    'tls://pinned.example.com',
    'tcp://git.example.com:22',
    'udp://time.example.com:123',
    'tcp://10.20.0.0/16:5432',
    'tcp://169.254.0.0/16:80',
    { to: 'https://uploads.example.com', maxRequestBytes: 1024 },
    'https://catcher.test',
    'https://**.example.org',
    'tcp://ports.example.com:8000-8010',
    'https://[2001:db8::7]:443/v1/**',
  ],
  deny: [
    'POST https://api.example.com/repos/acme/secret',
    'bad.example.org',
    'tcp://10.20.0.13:5432',
    'quiet.blob.example.net:443',
  ],
  forbid: ['catcher.test', '**.catcher.test'],
}

type Expected = { readonly verdict: string; readonly reason: Reason; readonly rule?: string | null }
const allow = (rule: string): Expected => ({ verdict: 'allow', reason: 'rule', rule })
const deny = (reason: Reason, rule: string | null = null): Expected => ({ verdict: 'deny', reason, rule })
const api = 'allow[3] GET,HEAD https://api.example.com/repos/acme/**'

const cases: readonly [string, Destination, Expected][] = [
  ['an allowed name resolves', name('NPM.Acme.Example.'), allow('allow[0] npm.acme.example')],
  ['a name with only a path rule resolves', name('api.example.com'), allow(api)],
  ['a name with only a udp rule resolves', name('time.example.com'), allow('allow[8] udp://time.example.com:123')],
  ['a name of no rule does not resolve', name('evil.test'), deny('no-rule')],
  ['D12: a look-alike at the end does not', name('npm.acme.example.evil.test'), deny('no-rule')],
  ['D13: a look-alike at the start does not', name('evilnpm.acme.example'), deny('no-rule')],
  ['D13: a wildcard is not its apex', name('blob.example.net'), deny('no-rule')],
  ['D13: a wildcard is any depth below it', name('a.b.c.blob.example.net'), allow('allow[1] **.blob.example.net')],
  ['D13: a wildcard ends at a label', name('evilblob.example.net'), deny('no-rule')],
  ['D13: a part of a label stays in its label', name('results1.x.store.example.net'), deny('no-rule')],
  ['a part of a label may be empty', name('results.store.example.net'), allow('allow[2] results*.store.example.net')],
  [
    'a forbidden name does not resolve, though a rule allows it',
    name('catcher.test'),
    deny('forbidden', 'forbid[0] catcher.test'),
  ],
  ['a bare denied name does not resolve', name('bad.example.org'), deny('denied-by-rule', 'deny[1] bad.example.org')],
  ['a name denied on one port still resolves', name('quiet.blob.example.net'), allow('allow[1] **.blob.example.net')],

  ['an allowed name connects on its port', connection('npm.acme.example'), allow('allow[0] npm.acme.example')],
  ['an allowed name does not on another', connection('npm.acme.example', 22), deny('no-rule')],
  ['an allowed name does not over UDP', connection('npm.acme.example', 443, 'udp'), deny('no-rule')],
  ['ssh under a tcp rule', connection('git.example.com', 22), allow('allow[7] tcp://git.example.com:22')],
  ['UDP under a udp rule', connection('time.example.com', 123, 'udp'), allow('allow[8] udp://time.example.com:123')],
  ['TCP under a udp rule does not', connection('time.example.com', 123), deny('no-rule')],
  [
    'the first port of a range',
    connection('ports.example.com', 8000),
    allow('allow[14] tcp://ports.example.com:8000-8010'),
  ],
  [
    'the last port of a range',
    connection('ports.example.com', 8010),
    allow('allow[14] tcp://ports.example.com:8000-8010'),
  ],
  ['after the range', connection('ports.example.com', 8011), deny('no-rule')],
  [
    'a bare denied name on any port',
    connection('bad.example.org', 9),
    deny('denied-by-rule', 'deny[1] bad.example.org'),
  ],
  [
    'a bare denied name over UDP',
    connection('bad.example.org', 9, 'udp'),
    deny('denied-by-rule', 'deny[1] bad.example.org'),
  ],
  [
    'a port denied by a bare host',
    connection('quiet.blob.example.net'),
    deny('denied-by-rule', 'deny[3] quiet.blob.example.net:443'),
  ],
  ['a deny with a path leaves the endpoint open', connection('api.example.com'), allow(api)],

  ['N1: a literal of no rule', literal('203.0.113.9'), deny('address-literal')],
  ['N1: a literal under a rule for its block', literal('10.20.3.4', 5432), allow('allow[9] tcp://10.20.0.0/16:5432')],
  ['N1: on another port', literal('10.20.3.4', 22), deny('address-literal')],
  ['N1: over UDP', literal('10.20.3.4', 5432, 'udp'), deny('address-literal')],
  ['N2: a literal in another spelling', literal('::ffff:10.20.3.4', 5432), allow('allow[9] tcp://10.20.0.0/16:5432')],
  [
    'a denied address inside an allowed block',
    literal('10.20.0.13', 5432),
    deny('denied-by-rule', 'deny[2] tcp://10.20.0.13:5432'),
  ],
  ['an IPv6 literal under its rule', literal('2001:db8::7'), allow('allow[15] https://[2001:db8::7]:443/v1/**')],
  ['N16: metadata under a block around it', literal('169.254.169.254', 80), deny('address-literal')],
  ['its neighbour under the same block', literal('169.254.1.1', 80), allow('allow[10] tcp://169.254.0.0/16:80')],
  ['loopback', literal('127.0.0.1'), deny('private-address')],
  ['N2: loopback inside NAT64', literal('64:ff9b::127.0.0.1'), deny('private-address')],
  ['a virtual address that stands for no name', literal('198.18.0.9'), deny('private-address')],

  [
    'a request of a method and path that a rule names',
    request('GET https://api.example.com/repos/acme/tool'),
    allow(api),
  ],
  ['the path of the rule itself', request('HEAD https://api.example.com/repos/acme'), allow(api)],
  ['A1: another method', request('POST https://api.example.com/repos/acme/tool'), deny('method', api)],
  ['A1: another owner', request('GET https://api.example.com/repos/evil/tool'), deny('path', api)],
  ['A1: an owner that begins alike', request('GET https://api.example.com/repos/acmeevil/tool'), deny('path', api)],
  ['another method and another path', request('POST https://api.example.com/gists'), deny('path', api)],
  ['methods are case-sensitive', request('get https://api.example.com/repos/acme/x'), deny('method', api)],
  ['another host of the same policy on http', request('GET http://npm.acme.example/'), deny('no-rule')],
  [
    'plain http on a port of https',
    request('GET http://npm.acme.example:443/'),
    deny('protocol', 'allow[0] npm.acme.example'),
  ],
  [
    'a denied request under an allowed path',
    request('POST https://api.example.com/repos/acme/secret'),
    deny('denied-by-rule', 'deny[0] POST https://api.example.com/repos/acme/secret'),
  ],
  [
    'the same in another spelling',
    request('POST https://api.example.com/repos//acme/secret/'),
    deny('denied-by-rule', 'deny[0] POST https://api.example.com/repos/acme/secret'),
  ],
  [
    'T9: an upgrade on an allowed https host',
    request('GET wss://npm.acme.example/'),
    deny('upgrade', 'allow[0] npm.acme.example'),
  ],
  [
    'T9: an upgrade under its rule',
    request('GET wss://realtime.example.com/socket'),
    allow('allow[5] wss://realtime.example.com/socket'),
  ],
  [
    'T9: an upgrade on another path',
    request('GET wss://realtime.example.com/other'),
    deny('path', 'allow[5] wss://realtime.example.com/socket'),
  ],
  [
    'a request under a wss rule',
    request('GET https://realtime.example.com/socket'),
    deny('protocol', 'allow[5] wss://realtime.example.com/socket'),
  ],
  [
    'T9: plain WebSocket on an allowed http host',
    request('GET ws://apt.acme.example/'),
    deny('upgrade', 'allow[4] http://apt.acme.example'),
  ],
  [
    'a request to a forbidden host that a rule allows',
    request('GET https://catcher.test/'),
    deny('forbidden', 'forbid[0] catcher.test'),
  ],
]
const policy = policyOf(sample)
for (const [title, destination, expected] of cases) {
  t.test(`decide(): ${title}: ${expected.verdict}, ${expected.reason}`, async t => {
    t.match(decide(policy, destination), expected)
  })
}

t.test('decide(): P2: an empty or missing list allows nothing', async t => {
  for (const lists of [{}, { allow: [] }, { deny: [] }, { allow: [], deny: [], forbid: [] }]) {
    t.match(decide(policyOf(lists), name('a.test')), deny('no-rule'))
    t.match(decide(policyOf(lists), connection('a.test')), deny('no-rule'))
    t.match(decide(policyOf(lists), literal('203.0.113.9')), deny('address-literal'))
    t.match(decide(policyOf(lists), request('GET https://a.test/')), deny('no-rule'))
  }
})

t.test('decide(): N16: metadata is opened by the rule that names it alone', async t => {
  const open = policyOf({ allow: ['http://169.254.169.254:80'] })
  t.match(decide(open, literal('169.254.169.254', 80)), { verdict: 'allow' })
  t.match(decide(policyOf({ allow: ['tcp://0.0.0.0/0:80'] }), literal('168.63.129.16', 80)), deny('address-literal'))
})

t.test('decide(): the limit of the most specific rule holds, in any order', async t => {
  const rules = [
    { to: 'https://**.example.com', maxRequestBytes: 10 },
    { to: 'https://up.example.com', maxRequestBytes: 99 },
    'https://free.example.com',
  ]
  for (const allow of [rules, rules.toReversed()]) {
    const limited = policyOf({ allow })
    t.match(decide(limited, request('PUT https://x.example.com/')), { maxRequestBytes: 10 })
    t.match(decide(limited, request('PUT https://up.example.com/')), { maxRequestBytes: 99 })
    t.notHas(decide(limited, request('PUT https://free.example.com/')), { maxRequestBytes: 10 })
  }
})

t.test('decide(): audit observes what block denies, and carries it', async t => {
  const audit = policyOf({ ...sample, mode: 'audit' })
  t.match(decide(audit, name('evil.test')), { verdict: 'observe', reason: 'no-rule' })
  t.match(decide(audit, connection('evil.test')), {
    verdict: 'observe',
    carriage: { inspectTls: true, passTls: true, http: true, raw: true },
  })
  t.match(decide(audit, connection('evil.test', 9, 'udp')), { verdict: 'observe', carriage: { raw: true } })
  t.match(decide(audit, literal('10.9.9.9')), { verdict: 'observe', reason: 'address-literal' })
  t.match(decide(audit, request('DELETE https://api.example.com/repos/acme')), { verdict: 'observe', reason: 'method' })
})

t.test('decide(): audit still denies what is forbidden, and what is never dialled', async t => {
  const audit = policyOf({ ...sample, mode: 'audit' })
  t.match(decide(audit, name('x.catcher.test')), deny('forbidden', 'forbid[1] **.catcher.test'))
  t.match(decide(audit, connection('x.catcher.test', 9, 'udp')), { verdict: 'deny', reason: 'forbidden' })
  t.match(decide(audit, literal('127.0.0.1')), deny('private-address'))
})

t.test('decide(): audit never passes TLS unread past a forbid on a path, also where a deny matches', async t => {
  for (const deny of [[], ['half.test']]) {
    const audit = policyOf({ mode: 'audit', deny, forbid: ['half.test/hooks/**'], tls: { inspect: 'rules' } })
    t.match(decide(audit, connection('half.test')), {
      verdict: 'observe',
      carriage: { inspectTls: true, passTls: false },
    })
    t.match(decide(audit, request('POST https://half.test/hooks/1')), { verdict: 'deny', reason: 'forbidden' })
    t.match(decide(audit, request('GET wss://half.test/hooks/1')), { verdict: 'deny', reason: 'forbidden' })
  }
})
