import t from 'tap'
import type { ClientHello } from '../../../gateway/door/client-hello.ts'
import type { Opening } from '../../../gateway/door/opening.ts'
import { nextStep, type Situation } from '../../../gateway/door/step.ts'
import type { Carriage, Decision } from '../../../gateway/policy/decision.ts'
import { address, hostname } from './fake-job.ts'

const host = hostname('a.example.com')
const none: Carriage = { inspectTls: false, http: false, passTls: false, raw: false }
const all: Carriage = { inspectTls: true, http: true, passTls: true, raw: true }
const allow = (carriage: Partial<Carriage>): Decision => ({
  verdict: 'allow',
  reason: 'rule',
  rule: 'allow[0]',
  carriage: { ...none, ...carriage },
})
const observe: Decision = { verdict: 'observe', reason: 'no-rule', rule: null, carriage: all }
const observeLiteral: Decision = { verdict: 'observe', reason: 'address-literal', rule: null, carriage: all }
const forbidden: Decision = { verdict: 'deny', reason: 'forbidden', rule: 'forbid[0]' }

const tls = (name: string | undefined = 'a.example.com', alpn: readonly string[] = ['h2', 'http/1.1']): Opening => {
  const hello: ClientHello = {
    serverName: name === '' ? { kind: 'none' } : { kind: 'name', host: hostname(name) },
    alpn,
    hasEncryptedHello: false,
  }
  return { kind: 'tls', hello }
}
const invalidName: Opening = {
  kind: 'tls',
  hello: { serverName: { kind: 'invalid' }, alpn: [], hasEncryptedHello: false },
}
const other: Opening = { kind: 'other' }
const http1: Opening = { kind: 'http1' }
const silent: Opening = { kind: 'silent' }
const broken: Opening = { kind: 'broken-tls' }
const h2c: Opening = { kind: 'h2c' }

const block = { host, isLiteral: false, isAudit: false, isPassedHost: false, mustRead: false }
const audit = { ...block, isAudit: true }
const literal = { ...block, host: address('203.0.113.9'), isLiteral: true }
const auditLiteral = { ...literal, isAudit: true }

const inspect = allow({ inspectTls: true })
const pass = allow({ passTls: true })
const raw = allow({ raw: true })
const plain = allow({ http: true })
const refusal = (reason: string) => ({ do: 'refuse', denied: { verdict: 'deny', reason } })
const spliced = (protocol: 'tls' | 'tcp', observed?: string) => ({
  do: 'splice',
  protocol,
  ...(observed && { observed }),
})

const cases: readonly [string, Situation, object][] = [
  ['a denied endpoint is refused', { ...block, decision: forbidden, opening: tls() }, refusal('forbidden')],
  ['TLS to an https rule is inspected', { ...block, decision: inspect, opening: tls() }, { do: 'inspect' }],
  ['TLS to a tls rule is passed', { ...block, decision: pass, opening: tls() }, spliced('tls')],
  ['a tls rule beats inspection', { ...block, decision: allow(all), opening: tls() }, spliced('tls')],
  ['HTTP to an http rule is relayed', { ...block, decision: plain, opening: http1 }, { do: 'relay' }],
  ['anything to a tcp rule is spliced unread', { ...block, decision: raw, opening: silent }, spliced('tcp')],
  [
    'TLS to a tcp rule is spliced, whatever its name',
    { ...block, decision: raw, opening: tls('b.example.com') },
    spliced('tls'),
  ],
  [
    'another SNI than the name dialled (T1)',
    { ...block, decision: inspect, opening: tls('b.example.com') },
    refusal('sni-mismatch'),
  ],
  [
    'another SNI under a tls rule (T11)',
    { ...block, decision: pass, opening: tls('b.example.com') },
    refusal('sni-mismatch'),
  ],
  ['an SNI that is no name', { ...block, decision: inspect, opening: invalidName }, refusal('sni-mismatch')],
  [
    'no SNI to a name is as good as an address (T5)',
    { ...block, decision: inspect, opening: tls('') },
    refusal('no-sni'),
  ],
  ['an address rule admits TLS without SNI', { ...literal, decision: inspect, opening: tls('') }, { do: 'inspect' }],
  ['an address rule does not admit a name', { ...literal, decision: inspect, opening: tls() }, refusal('sni-mismatch')],
  ['SSH on 443 of an https rule (T7)', { ...block, decision: inspect, opening: other }, refusal('protocol')],
  ['HTTP on 443 of an https rule (T7)', { ...block, decision: inspect, opening: http1 }, refusal('protocol')],
  ['TLS on 80 of an http rule (T7)', { ...block, decision: plain, opening: tls() }, refusal('protocol')],
  ['h2c by prior knowledge (T8)', { ...block, decision: plain, opening: h2c }, refusal('protocol')],
  [
    'TLS that speaks no HTTP, under an https rule',
    { ...block, decision: inspect, opening: tls(undefined, ['smtp']) },
    refusal('protocol'),
  ],
  [
    'TLS that speaks no HTTP, under a tls rule',
    { ...block, decision: pass, opening: tls(undefined, ['smtp']) },
    spliced('tls'),
  ],
  ['broken TLS (T5)', { ...block, decision: inspect, opening: broken }, refusal('malformed')],
  ['a client that never speaks', { ...block, decision: inspect, opening: silent }, { do: 'close' }],

  ['audit: a name without a rule is inspected', { ...audit, decision: observe, opening: tls() }, { do: 'inspect' }],
  [
    'audit: an address is spliced, and observed',
    { ...auditLiteral, decision: observeLiteral, opening: tls('') },
    spliced('tls', 'address-literal'),
  ],
  [
    'audit: an address with an SNI likewise (N1)',
    { ...auditLiteral, decision: observeLiteral, opening: tls() },
    spliced('tls', 'address-literal'),
  ],
  [
    'audit: another SNI is spliced, and observed',
    { ...audit, decision: inspect, opening: tls('b.example.com') },
    spliced('tls', 'sni-mismatch'),
  ],
  [
    'audit: no SNI is spliced, and observed',
    { ...audit, decision: inspect, opening: tls('') },
    spliced('tls', 'no-sni'),
  ],
  [
    'audit: SSH on 443 is spliced, and observed',
    { ...audit, decision: inspect, opening: other },
    spliced('tcp', 'protocol'),
  ],
  [
    'audit: broken TLS is spliced, and observed',
    { ...audit, decision: inspect, opening: broken },
    spliced('tcp', 'malformed'),
  ],
  ['audit: a server may speak first', { ...audit, decision: observe, opening: silent }, spliced('tcp', 'no-rule')],
  [
    'audit: HTTP where only https is allowed is relayed, to be observed',
    { ...audit, decision: inspect, opening: http1 },
    { do: 'relay' },
  ],
  [
    'audit: a host whose client refused our certificate is passed',
    { ...audit, decision: inspect, opening: tls(), isPassedHost: true },
    spliced('tls'),
  ],
  ['audit: a forbidden host is refused', { ...audit, decision: forbidden, opening: tls() }, refusal('forbidden')],
  [
    'audit: a forbidden name under an allowed one is refused (T2)',
    { ...audit, decision: inspect, opening: tls('b.example.com'), otherName: forbidden },
    refusal('forbidden'),
  ],
  [
    'audit: where a part is forbidden, TLS is read',
    { ...audit, decision: observe, opening: tls(), mustRead: true },
    { do: 'inspect' },
  ],
  [
    'audit: where a part is forbidden, a client that refused our certificate gains nothing',
    { ...audit, decision: inspect, opening: tls(), mustRead: true, isPassedHost: true },
    { do: 'inspect' },
  ],
  [
    'audit: a host whose client refused our certificate is passed, but what is no HTTP is observed (T7)',
    { ...audit, decision: inspect, opening: tls(host, ['x-tunnel']), isPassedHost: true },
    spliced('tls', 'protocol'),
  ],
  [
    'audit: where a part is forbidden, an address is read too',
    { ...audit, decision: observe, opening: tls(''), isLiteral: true, mustRead: true },
    { do: 'inspect' },
  ],
  [
    'a name without a rule under an allowed one is the wrong name, which no rule would cure (T1)',
    {
      ...block,
      decision: inspect,
      opening: tls('b.example.com'),
      otherName: { verdict: 'deny', reason: 'no-rule', rule: null },
    },
    refusal('sni-mismatch'),
  ],
  [
    'a forbidden name under an allowed one is forbidden',
    { ...block, decision: inspect, opening: tls('b.example.com'), otherName: forbidden },
    refusal('forbidden'),
  ],
  [
    'audit: where a part is forbidden, TLS without a name is refused',
    { ...audit, decision: observe, opening: tls(''), mustRead: true },
    refusal('no-sni'),
  ],
  [
    'audit: where a part is forbidden, unknown bytes are refused',
    { ...audit, decision: observe, opening: other, mustRead: true },
    refusal('protocol'),
  ],
]
for (const [name, situation, step] of cases) {
  t.test(`nextStep(): ${name}`, async t => {
    t.match(nextStep(situation), step)
  })
}
