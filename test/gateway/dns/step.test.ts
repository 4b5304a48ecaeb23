import t from 'tap'
import { nextStep, type Step } from '../../../gateway/dns/step.ts'
import { readQuery } from '../../../gateway/dns/wire.ts'
import { query, queryOfLabels } from './client.ts'
import { address, hostname, policy } from './fake-job.ts'

const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
}
const rules = `allow:
  - npm.acme.test
  - "**.wild.test"
  - tcp://_mongodb._tcp.db.acme.test:27017
deny:
  - bad.wild.test
forbid:
  - "**.webhook.test"
`
const block = policy('block', rules)
const audit = policy('audit', rules)
const names = {
  lookup: (virtual: ReturnType<typeof address>) =>
    virtual === '198.18.0.7' ? { host: hostname('npm.acme.test'), flow: 'f' } : undefined,
}

function step(message: Buffer, inForce = block, recordFailed = false): Step {
  const reading = readQuery(message)
  if (reading.kind !== 'query') throw new Error('not a question')
  return nextStep(reading.query, { policy: inForce, names, recordFailed })
}

const address4 = { do: 'address' }
const noRecord = { do: 'no-record' }
const records = { do: 'records' }
const nxDomain = { do: 'reply', rcode: 3, answer: { kind: 'negative' } }
const noData = { do: 'reply', rcode: 0, answer: { kind: 'negative' } }
const refused = { do: 'reply', rcode: 5, answer: { kind: 'none' } }

type Case = readonly [string, string, keyof typeof types, 'allow' | 'observe' | 'deny', string, object]
const inBlock: readonly Case[] = [
  ['an allowed name gets an address', 'npm.acme.test', 'A', 'allow', 'rule', address4],
  ['case does not matter', 'NPM.Acme.TEST', 'A', 'allow', 'rule', address4],
  ['an allowed name has no IPv6 address', 'npm.acme.test', 'AAAA', 'allow', 'rule', noRecord],
  ['no h3 hints or ECH keys reach the job', 'npm.acme.test', 'HTTPS', 'allow', 'rule', noRecord],
  ['SVCB likewise', 'npm.acme.test', 'SVCB', 'allow', 'rule', noRecord],
  ['a name under a wildcard', 'a.b.wild.test', 'A', 'allow', 'rule', address4],
  ['the apex is not under the wildcard', 'wild.test', 'A', 'deny', 'no-rule', nxDomain],
  ['a name that only ends like a rule', 'evilwild.test', 'A', 'deny', 'no-rule', nxDomain],
  ['an unknown name', 'evil.test', 'A', 'deny', 'no-rule', nxDomain],
  ['an unknown name, any type', 'evil.test', 'TXT', 'deny', 'no-rule', nxDomain],
  ['a denied name', 'bad.wild.test', 'A', 'deny', 'denied-by-rule', nxDomain],
  ['a forbidden name', 'x.webhook.test', 'A', 'deny', 'forbidden', nxDomain],
  ['TXT of an allowed name', 'npm.acme.test', 'TXT', 'deny', 'dns-type', noData],
  ['NULL of an allowed name', 'npm.acme.test', 'NULL', 'deny', 'dns-type', noData],
  ['CNAME of an allowed name', 'npm.acme.test', 'CNAME', 'deny', 'dns-type', noData],
  ['MX of an allowed name', 'npm.acme.test', 'MX', 'deny', 'dns-type', noData],
  ['NS of an allowed name', 'npm.acme.test', 'NS', 'deny', 'dns-type', noData],
  ['SOA of an allowed name', 'npm.acme.test', 'SOA', 'deny', 'dns-type', noData],
  ['CAA of an allowed name', 'npm.acme.test', 'CAA', 'deny', 'dns-type', noData],
  [
    'ANY of an allowed name is answered here',
    'npm.acme.test',
    'ANY',
    'allow',
    'rule',
    { do: 'reply', rcode: 0, answer: { kind: 'records' } },
  ],
  ['a zone transfer', 'npm.acme.test', 'AXFR', 'deny', 'dns-type', refused],
  ['OPT as a type', 'npm.acme.test', 'OPT', 'deny', 'dns-type', refused],
  ['a service that a rule names is looked up', '_mongodb._tcp.db.acme.test', 'SRV', 'allow', 'rule', records],
  ['a service of an allowed host is said not to be', '_http._tcp.npm.acme.test', 'SRV', 'allow', 'rule', noData],
  ['a service of an unknown host', '_http._tcp.evil.test', 'SRV', 'deny', 'no-rule', nxDomain],
  ['data dressed as a service', 'x._http._tcp.npm.acme.test', 'SRV', 'deny', 'no-rule', nxDomain],
  ['gRPC looks for its configuration', '_grpc_config.npm.acme.test', 'TXT', 'allow', 'rule', noData],
  ['other TXT below an allowed host', 'x.npm.acme.test', 'TXT', 'deny', 'no-rule', nxDomain],
  [
    'a virtual address has a name',
    '7.0.18.198.in-addr.arpa',
    'PTR',
    'allow',
    'rule',
    { do: 'reply', rcode: 0, answer: { kind: 'records' } },
  ],
  ['a virtual address without a name', '8.0.18.198.in-addr.arpa', 'PTR', 'allow', 'rule', nxDomain],
  ['the address of the wire', '1.0.19.198.in-addr.arpa', 'PTR', 'allow', 'rule', nxDomain],
  ['a private address', '1.1.168.192.in-addr.arpa', 'PTR', 'allow', 'rule', nxDomain],
  ['a public address', '1.113.0.203.in-addr.arpa', 'PTR', 'deny', 'no-rule', nxDomain],
  [
    'localhost is here',
    'localhost',
    'A',
    'allow',
    'rule',
    { do: 'reply', rcode: 0, answer: { kind: 'address', address: '127.0.0.1' } },
  ],
  ['localhost has no other record', 'x.localhost', 'AAAA', 'allow', 'rule', noData],
  ['the root is never said not to exist', '.', 'NS', 'deny', 'no-rule', refused],
  ['a name that is an address in disguise', '1.2.3.4', 'A', 'deny', 'malformed', nxDomain],
]
const inAudit: readonly Case[] = [
  ['an unknown name is answered and observed', 'evil.test', 'A', 'observe', 'no-rule', address4],
  ['an unknown name, IPv6', 'evil.test', 'AAAA', 'observe', 'no-rule', noRecord],
  ['TXT of an unknown name is looked up', 'evil.test', 'TXT', 'observe', 'no-rule', records],
  ['TXT of an allowed name is looked up', 'npm.acme.test', 'TXT', 'observe', 'dns-type', records],
  ['a denied name', 'bad.wild.test', 'A', 'observe', 'denied-by-rule', address4],
  ['a forbidden name is refused', 'x.webhook.test', 'A', 'deny', 'forbidden', nxDomain],
  ['a forbidden name is refused, any type', 'x.webhook.test', 'TXT', 'deny', 'forbidden', nxDomain],
  ['reverse names of virtual addresses stay here', '8.0.18.198.in-addr.arpa', 'PTR', 'allow', 'rule', nxDomain],
  ['a company may know its private addresses', '1.1.168.192.in-addr.arpa', 'PTR', 'observe', 'no-rule', records],
  ['ANY is answered here', 'evil.test', 'ANY', 'observe', 'no-rule', { do: 'reply', rcode: 0 }],
]
for (const [mode, inForce, cases] of [
  ['block', block, inBlock],
  ['audit', audit, inAudit],
] as const) {
  for (const [name, host, type, verdict, reason, action] of cases) {
    t.test(`nextStep() in ${mode}: ${name}`, async t => {
      t.match(step(query(host, types[type]), inForce), { judgement: { verdict, reason }, action })
    })
  }
}

for (const [name, labels] of [
  ['a NUL in a label (SRT)', ['attacker\0', 'npm', 'acme', 'test']],
  ['a dot inside a label', ['npm.acme', 'test']],
  ['a space', ['npm ', 'acme', 'test']],
  ['a byte above 127', ['npm\u00e9', 'acme', 'test']],
  ['a bracket', ['[npm', 'acme', 'test']],
  ['data under a forbidden zone', ['\u0001\u0002', 'webhook', 'test']],
] as const) {
  for (const [mode, inForce] of [
    ['block', block],
    ['audit', audit],
  ] as const) {
    t.test(`nextStep() in ${mode}: ${name} is refused and never forwarded`, async t => {
      const message = queryOfLabels(
        labels.map(label => Buffer.from(label, 'latin1')),
        types.A,
      )
      t.match(step(message, inForce), { judgement: { verdict: 'deny', reason: 'malformed' }, action: nxDomain })
    })
  }
}

t.test('nextStep(): nothing is allowed that cannot be recorded', async t => {
  t.match(step(query('npm.acme.test', types.A), block, true), {
    judgement: { verdict: 'deny', reason: 'log-failure' },
    action: { do: 'reply', rcode: 2 },
  })
})

t.test('nextStep(): a name that a rule names has no budget, one under a wildcard has', async t => {
  t.equal(step(query('npm.acme.test', types.A)).counts, false)
  t.equal(step(query('a.wild.test', types.A)).counts, true)
  t.equal(step(query('evil.test', types.A)).counts, true)
  t.equal(step(query('evil.test', types.A), audit).counts, true)
})

t.test('nextStep(): a refusal says what would allow it', async t => {
  t.match(step(query('evil.test', types.A)).action, { error: { code: 15, text: /no-rule.*- evil\.test/ } })
  t.match(step(query('x.webhook.test', types.A)).action, { error: { text: /forbidden: by forbid\[0\]/ } })
})
