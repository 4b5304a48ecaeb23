import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import { curl, get, ok, sentence } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const api = 'api.acme.test'
const attackerAddress = '203.0.113.66'
const allow = [
  `https://${api}`,
  'https://github.test',
  'http://apt.acme.test',
  'tls://pinned.case.test',
  ...['expired', 'early', 'self-signed', 'untrusted', 'wrong-name'].map(kind => `https://${kind}.acme.test`),
]

const elsewhere: readonly Attack[] = [
  ...[
    ['--resolve', `${api}:443:${attackerAddress}`],
    ['--connect-to', `${api}:443:${attackerAddress}:443`],
  ].map((options): Attack => ({
    id: 'T1',
    what: `an allowed name at another address (curl ${options[0] ?? ''})`,
    does: loot => curl(...options, `https://${api}/${loot}`),
    block: loot =>
      refused(sentence(403, 'address-literal'), {
        layer: 'http',
        host: api,
        path: `/${loot}`,
        reason: 'address-literal',
      }),
    audit: () =>
      observed(/the attacker says thank you/, {
        layer: 'tls',
        address: attackerAddress,
        port: 443,
        reason: 'address-literal',
      }),
  })),
  {
    id: 'T1',
    what: 'an allowed name at the own address of another, by plain HTTP',
    does: loot => curl('--resolve', `apt.acme.test:80:${attackerAddress}`, `http://apt.acme.test/${loot}`),
    block: loot =>
      refused(sentence(403, 'address-literal'), { layer: 'http', path: `/${loot}`, reason: 'address-literal' }),
    audit: loot => observed(/thank you/, { layer: 'http', path: `/${loot}`, verdict: 'observe' }),
  },
  {
    id: 'T1',
    what: 'an allowed name on the virtual address of another allowed one',
    does: loot => ({ do: 'tls', to: 'github.test', sni: api, say: [get(`/${loot}`, api)] }),
    block: loot =>
      refused(sentence(421, 'sni-mismatch'), { layer: 'http', host: api, path: `/${loot}`, reason: 'sni-mismatch' }),
    audit: () => ({
      got: /404/,
      line: { layer: 'tls', host: 'github.test', verdict: 'observe', reason: 'sni-mismatch' },
      arrives: true,
    }),
  },
  {
    id: 'T1',
    what: 'a name without a rule on the virtual address of an allowed one',
    does: loot => ({ do: 'tls', to: api, sni: 'other.acme.test', say: [get(`/${loot}`, 'other.acme.test')] }),
    block: loot =>
      refused(sentence(421, 'sni-mismatch'), {
        layer: 'http',
        host: 'other.acme.test',
        path: `/${loot}`,
        reason: 'sni-mismatch',
      }),
    audit: () => ({
      got: /404/,
      line: { layer: 'tls', host: api, verdict: 'observe', reason: 'sni-mismatch' },
      arrives: true,
    }),
  },
  {
    id: 'T1',
    what: 'the last virtual address, which stands for no name',
    does: loot => ({ do: 'tls', to: '198.18.255.254', sni: api, say: [get(`/${loot}`, api)] }),
    block: loot =>
      refused(sentence(403, 'private-address'), {
        layer: 'http',
        host: api,
        path: `/${loot}`,
        reason: 'private-address',
      }),
    audit: loot =>
      refused(sentence(403, 'private-address'), {
        layer: 'http',
        host: api,
        path: `/${loot}`,
        reason: 'private-address',
      }),
  },
]

const passedTls: readonly Attack[] = [
  {
    id: 'T11',
    what: 'a tls rule passes its own name',
    does: loot => ({ do: 'tls', to: 'pinned.case.test', say: [get(`/echo/${loot}`, 'pinned.case.test')] }),
    block: () => passes(ok, { layer: 'tls', host: 'pinned.case.test', inspected: false }),
    audit: () => passes(ok, { layer: 'tls', host: 'pinned.case.test', inspected: false }),
  },
  {
    id: 'T11',
    what: 'a tls rule with another name in the hello',
    does: loot => ({
      do: 'tls',
      to: 'pinned.case.test',
      sni: 'other.acme.test',
      say: [get(`/echo/${loot}`, 'other.acme.test')],
    }),
    block: loot =>
      refused(sentence(421, 'sni-mismatch'), {
        layer: 'http',
        host: 'other.acme.test',
        path: `/echo/${loot}`,
        reason: 'sni-mismatch',
      }),
    audit: () => ({
      got: ok,
      line: { layer: 'tls', host: 'pinned.case.test', verdict: 'observe', reason: 'sni-mismatch' },
      arrives: true,
    }),
  },
  {
    id: 'T11',
    what: 'a tls rule, and what is no TLS',
    does: loot => ({ do: 'tcp', to: 'pinned.case.test', port: 443, say: [`SSH-2.0-${loot}\r\n`] }),
    block: () => refused(/ECONNRESET/, { layer: 'tcp', host: 'pinned.case.test', reason: 'protocol' }),
    audit: () => observed(/./, { layer: 'tcp', host: 'pinned.case.test', reason: 'protocol' }),
  },
  ...['expired', 'early', 'self-signed', 'untrusted', 'wrong-name'].map((kind): Attack => ({
    id: 'T12',
    what: `an origin whose certificate is ${kind}`,
    does: loot => ({ do: 'tls', to: `${kind}.acme.test`, lax: true, say: [get(`/echo/${loot}`, `${kind}.acme.test`)] }),
    block: loot => ({
      got: /HTTP\/1\.1 502[\s\S]*UPSTREAM_CERTIFICATE/,
      line: { layer: 'http', host: `${kind}.acme.test`, path: `/echo/${loot}`, error: 'UPSTREAM_CERTIFICATE' },
      arrives: false,
    }),
    // The client may know better, and gets to see the certificate itself; a client that verifies refuses it.
    audit: () => ({
      got: ok,
      line: { layer: 'tls', host: `${kind}.acme.test`, inspected: false, error: 'UPSTREAM_CERTIFICATE' },
      arrives: true,
    }),
  })),
  {
    id: 'T12',
    what: 'a client that verifies does not take such an origin in audit either',
    does: loot => curl(`https://expired.acme.test/${loot}`),
    block: () => ({ got: /502/, line: { host: 'expired.acme.test', error: 'UPSTREAM_CERTIFICATE' }, arrives: false }),
    audit: () => ({
      got: /certificate.*expired[\s\S]*exit 60/,
      line: { host: 'expired.acme.test', error: 'UPSTREAM_CERTIFICATE' },
      arrives: false,
    }),
  },
]

t.test('T1, T11, T12: whom TLS is spoken with', { skip }, async t => {
  await using lab = await openLab({})
  await lab.serve('pinned.case.test')
  const attacks = [...elsewhere, ...passedTls]
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks, mode, allow })
})
