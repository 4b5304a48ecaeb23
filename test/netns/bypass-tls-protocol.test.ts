import t from 'tap'
import { hello } from '../gateway/door/hello.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, raid, refused } from './bypass.ts'
import { anyAlert, get, raw, sentence } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab(['ssh'])
const api = 'api.acme.test'
const attackerAddress = '203.0.113.66'
const allow = [
  `https://${api}`,
  'https://cdn.acme.test:8443',
  'http://apt.acme.test',
  'https://ssh.acme.test',
  'tcp://ssh.acme.test:22',
  '"https://*.odd.test"',
]

const protocols: readonly Attack[] = [
  {
    id: 'T5',
    what: 'no server name to an address',
    does: loot => ({ do: 'tls', to: attackerAddress, sni: false, lax: true, say: [get(`/${loot}`, api)] }),
    block: loot =>
      refused(sentence(403, 'address-literal'), {
        layer: 'http',
        host: attackerAddress,
        path: `/${loot}`,
        reason: 'address-literal',
      }),
    audit: () => observed(/thank you/, { layer: 'tls', address: attackerAddress, reason: 'address-literal' }),
  },
  {
    id: 'T6',
    what: 'QUIC to an allowed name',
    does: loot => ({ do: 'udp', to: api, port: 443, hex: Buffer.from(loot).toString('hex') }),
    block: () => refused(/ECONNREFUSED/, { layer: 'packet', host: api, port: 443, protocol: 'udp', reason: 'no-rule' }),
    audit: () => observed(/loot/, { layer: 'udp', host: api, port: 443, reason: 'no-rule' }),
  },
  {
    id: 'T6',
    what: 'QUIC to an address',
    does: loot => ({ do: 'udp', to: attackerAddress, port: 443, hex: Buffer.from(loot).toString('hex') }),
    block: () =>
      refused(/ECONNREFUSED/, {
        layer: 'packet',
        address: attackerAddress,
        port: 443,
        protocol: 'udp',
        reason: 'address-literal',
      }),
    audit: () => observed(/loot/, { layer: 'udp', address: attackerAddress, port: 443, reason: 'address-literal' }),
  },
  {
    id: 'T7',
    what: 'SSH on the port of https',
    does: loot => ({ do: 'tcp', to: api, port: 443, say: [`SSH-2.0-${loot}\r\n`] }),
    block: () => refused(/ECONNRESET/, { layer: 'tcp', host: api, port: 443, reason: 'protocol' }),
    audit: () => observed(/./, { layer: 'tcp', host: api, port: 443, reason: 'protocol' }),
  },
  {
    id: 'T7',
    what: 'plain HTTP on the port of https',
    does: loot => ({ do: 'tcp', to: api, port: 443, say: [get(`/${loot}`, api)] }),
    block: loot =>
      refused(sentence(403, 'protocol'), { layer: 'http', host: api, path: `/${loot}`, reason: 'protocol' }),
    audit: loot => ({
      got: /./,
      line: { layer: 'http', host: api, path: `/${loot}`, verdict: 'observe', reason: 'protocol' },
      arrives: true,
    }),
  },
  {
    id: 'T7',
    what: 'TLS on the port of http',
    does: loot => raw('apt.acme.test', hello({ name: 'apt.acme.test', extensions: [[0xfafa, Buffer.from(loot)]] }), 80),
    block: () => refused(anyAlert, { layer: 'tls', host: 'apt.acme.test', port: 80, reason: 'protocol' }),
    audit: () => ({
      got: /./,
      line: { host: 'apt.acme.test', port: 80, verdict: 'observe', reason: 'protocol' },
      arrives: true,
    }),
  },
  {
    id: 'T7',
    what: 'TLS on a port without a rule',
    does: loot => ({ do: 'tls', to: api, port: 8443, say: [get(`/echo/${loot}`, api)] }),
    block: loot =>
      refused(sentence(403, 'no-rule'), {
        layer: 'http',
        host: api,
        port: 8443,
        path: `/echo/${loot}`,
        reason: 'no-rule',
      }),
    audit: loot => observed(/HTTP\/1\.1/, { layer: 'http', host: api, port: 8443, path: `/echo/${loot}`, reason: /./ }),
  },
  {
    id: 'T7',
    what: 'TLS without HTTP in it: an ALPN of its own',
    does: loot => ({ do: 'tls', to: 'alpn.odd.test', alpn: ['x-tunnel'], say: [loot], lax: true }),
    block: () => refused(/./, { layer: 'tls', host: 'alpn.odd.test', reason: 'protocol' }),
    audit: () => ({
      got: /./,
      line: { layer: 'tls', host: 'alpn.odd.test', verdict: 'observe', reason: 'protocol' },
      arrives: false,
    }),
  },
  {
    id: 'T7',
    what: 'bytes that are no HTTP inside inspected TLS',
    does: loot => ({ do: 'tls', to: api, say: [`SSH-2.0-${loot}\r\n\r\n`] }),
    block: () => refused(/HTTP\/1\.1 400/, { layer: 'http', host: api, reason: 'malformed' }),
    audit: () => observed(/./, { layer: 'http', host: api, reason: 'malformed' }),
  },
  {
    id: 'T7',
    what: 'SSH where a tcp rule admits it speaks first',
    does: () => ({ do: 'tcp', to: 'ssh.acme.test', port: 22, say: [{ reads: 'OpenSSH' }, { ends: true }] }),
    block: () => ({
      got: /SSH-2\.0-OpenSSH/,
      line: { layer: 'tcp', host: 'ssh.acme.test', port: 22, verdict: 'allow' },
      arrives: false,
    }),
    audit: () => ({
      got: /SSH-2\.0-OpenSSH/,
      line: { layer: 'tcp', host: 'ssh.acme.test', port: 22, verdict: 'allow' },
      arrives: false,
    }),
  },
]

t.test('T5, T6, T7: what is spoken on the port of TLS', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'ssh'] })
  await lab.serve('*.odd.test')
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks: protocols, mode, allow })
})
