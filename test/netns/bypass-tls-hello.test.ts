import t from 'tap'
import { hello, helloMessage, nameList, records, type HelloParts } from '../gateway/door/hello.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { alert, anyAlert, curl, get, ok, raw } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const api = 'api.acme.test'
const attackerAddress = '203.0.113.66'
const allow = [`https://${api}`, '"https://*.odd.test"']

const bytewise = (to: string, bytes: Buffer): Deed => ({
  do: 'tcp',
  to,
  port: 443,
  say: [{ bytewise: bytes.toString('hex') }],
})
/** An extension of our own that holds the loot: nobody needs to understand it. */
const marked = (loot: string, parts: HelloParts = {}): HelloParts => ({
  ...parts,
  extensions: [...(parts.extensions ?? []), [0xfafa, Buffer.from(loot)]],
})

function twoNames(one: string, other: string): Buffer {
  const entry = (name: string): Buffer => nameList(name).subarray(2)
  const both = Buffer.concat([entry(one), entry(other)])
  return Buffer.concat([Buffer.from([both.length >> 8, both.length & 255]), both])
}

/** A hello to an allowed name that does not say that name. */
function broken(what: string, parts: HelloParts, reason: string, description: number): Attack {
  return {
    id: 'T5',
    what,
    does: loot => raw(api, hello(marked(loot, parts))),
    block: () => refused(alert(description), { layer: 'tls', host: api, reason }),
    audit: () => observed(/./, { layer: reason === 'malformed' ? 'tcp' : 'tls', host: api, reason }),
  }
}

/** What a hello says instead of the name that was dialled, why that is refused, and by which alert. */
const namings: readonly Parameters<typeof broken>[] = [
  ['no server name', {}, 'no-sni', 112],
  ['an address as server name', { name: attackerAddress }, 'no-sni', 112],
  ['NUL in the server name', { name: `other.acme.test\0.${api}` }, 'sni-mismatch', 112],
  ['a space in the server name', { name: `${api} ` }, 'sni-mismatch', 112],
  ['brackets around the server name', { name: `[${api}]` }, 'sni-mismatch', 112],
  ['a port in the server name', { name: `${api}:443` }, 'sni-mismatch', 112],
  ['a byte above 127 in the server name', { name: `\xe0pi.acme.test` }, 'sni-mismatch', 112],
  ['an empty server name', { name: '' }, 'sni-mismatch', 112],
  ['a server name of 300 bytes', { name: `${'a'.repeat(290)}.test` }, 'sni-mismatch', 112],
  ['two server names', { extensions: [[0, twoNames(api, 'other.acme.test')]] }, 'sni-mismatch', 112],
  ['a name of an unknown type', { extensions: [[0, nameList(api, 7)]] }, 'sni-mismatch', 112],
  [
    'the extension twice',
    {
      extensions: [
        [0, nameList(api)],
        [0, nameList('other.acme.test')],
      ],
    },
    'malformed',
    50,
  ],
  ['bytes behind the extensions', { name: api, tail: Buffer.from('xx') }, 'malformed', 50],
]

const hellos: readonly Attack[] = [
  {
    id: 'T4',
    what: 'GREASE for ECH under an allowed name works',
    does: loot =>
      raw(
        'grease.odd.test',
        hello(marked(loot, { name: 'grease.odd.test', extensions: [[0xfe0d, Buffer.alloc(200, 1)]] })),
      ),
    // Made by hand, it has no key share, so what answers is the handshake itself: an alert, from ours; nothing goes out.
    block: () => ({
      got: anyAlert,
      line: { layer: 'tls', host: 'grease.odd.test', verdict: 'allow', error: 'CLIENT_TLS' },
      arrives: false,
    }),
    audit: () => ({
      got: anyAlert,
      line: { layer: 'tls', host: 'grease.odd.test', verdict: 'allow', error: 'CLIENT_TLS' },
      arrives: false,
    }),
  },
  {
    id: 'T4',
    what: 'no answer of DNS holds a key for ECH, or an offer of HTTP/3',
    does: () => ({ do: 'program', file: 'dig', args: ['+short', api, 'HTTPS'] }),
    block: () => ({
      got: /^\[exit 0\]/,
      line: { layer: 'dns', host: api, qtype: 'HTTPS', verdict: 'allow' },
      arrives: false,
    }),
    audit: () => ({
      got: /^\[exit 0\]/,
      line: { layer: 'dns', host: api, qtype: 'HTTPS', verdict: 'allow' },
      arrives: false,
    }),
  },
  {
    id: 'T6',
    what: 'an offer of HTTP/3 is taken out of an answer',
    does: () => curl('--http1.1', `https://${api}/alt-svc`),
    block: () => ({
      got: /^HTTP\/1\.1 200(?![\s\S]*h3=)[\s\S]*Alt-Svc: h2=[\s\S]*X-After: kept/,
      line: { host: api, path: '/alt-svc' },
      arrives: false,
    }),
    audit: () => ({
      got: /^HTTP\/1\.1 200(?![\s\S]*h3=)[\s\S]*Alt-Svc: h2=[\s\S]*X-After: kept/,
      line: { host: api, path: '/alt-svc' },
      arrives: false,
    }),
  },
  {
    id: 'T4',
    what: 'an encrypted hello with another name outside: the outer name decides',
    does: loot =>
      raw(api, hello(marked(loot, { name: 'cover.case.test', extensions: [[0xfe0d, Buffer.alloc(200, 1)]] }))),
    block: () => refused(anyAlert, { layer: 'tls', host: 'cover.case.test', reason: 'sni-mismatch' }),
    audit: () => observed(/./, { layer: 'tls', host: api, reason: 'sni-mismatch' }),
  },
  ...namings.map(row => broken(...row)),
  {
    id: 'T5',
    what: 'a hello across hundreds of records of one byte each, for a name without a rule',
    does: loot => raw(api, records(helloMessage(marked(loot, { name: 'cover.case.test' })), 1)),
    block: () => refused(anyAlert, { layer: 'tls', host: 'cover.case.test', reason: 'sni-mismatch' }),
    // Carried, but in pieces of one byte nobody finds the word again.
    audit: () => ({ ...observed(/./, { layer: 'tls', host: api, reason: 'sni-mismatch' }), arrives: false }),
  },
  {
    id: 'T5',
    what: 'a hello in segments of one byte, for a name without a rule',
    does: loot => bytewise(api, hello(marked(loot, { name: 'cover.case.test' }))),
    block: () => refused(anyAlert, { layer: 'tls', host: 'cover.case.test', reason: 'sni-mismatch' }),
    audit: () => observed(/./, { layer: 'tls', host: api, reason: 'sni-mismatch' }),
  },
  {
    id: 'T5',
    what: 'an empty record before the hello',
    does: loot => raw(api, Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), hello(marked(loot, { name: api }))])),
    block: () => refused(alert(50), { layer: 'tls', host: api, reason: 'malformed' }),
    audit: () => observed(/./, { layer: 'tcp', host: api, reason: 'malformed' }),
  },
  {
    id: 'T5',
    what: 'a hello that says it is 16 MB long',
    does: loot =>
      raw(
        api,
        Buffer.concat([
          Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0xff, 0xff, 0xff]),
          Buffer.from(loot.padEnd(20_000, 'x')),
        ]),
      ),
    block: () => refused(alert(50), { layer: 'tls', host: api, reason: 'malformed' }),
    audit: () => observed(/./, { layer: 'tcp', host: api, reason: 'malformed' }),
  },
  {
    id: 'T5',
    what: 'a hello that is never finished, to an address',
    does: loot => raw(attackerAddress, hello(marked(loot, { name: api })).subarray(0, -1)),
    block: () => refused(alert(49), { layer: 'tls', address: attackerAddress, reason: 'address-literal' }),
    // Looked at for longer than this client waits; whatever it said is not repeated to the attacker by then.
    audit: () => ({
      got: /silence/,
      line: { address: attackerAddress, verdict: 'observe', reason: 'address-literal' },
      arrives: false,
    }),
  },
  {
    id: 'T5',
    what: 'a hello of 60 KB for the allowed name',
    does: loot =>
      raw(
        'huge.odd.test',
        hello(marked(loot, { name: 'huge.odd.test', extensions: [[0xfafb, Buffer.alloc(60_000)]] })),
      ),
    block: () => ({
      got: new RegExp(`${anyAlert.source}|ECONNRESET`),
      line: { layer: 'tls', host: 'huge.odd.test', verdict: 'allow', error: /./ },
      arrives: false,
    }),
    audit: () => ({
      got: new RegExp(`${anyAlert.source}|ECONNRESET`),
      line: { layer: 'tls', host: 'huge.odd.test', verdict: 'allow', error: /./ },
      arrives: false,
    }),
  },
  ...['API.ACME.TEST', 'api.acme.test.'].map((sni): Attack => ({
    id: 'T5',
    what: `the server name spelled ${sni} is the name`,
    does: loot => ({ do: 'tls', to: api, sni, lax: true, say: [get(`/echo/${loot}`, api)] }),
    block: loot => passes(ok, { layer: 'http', host: api, path: `/echo/${loot}`, inspected: true }),
    audit: loot => passes(ok, { layer: 'http', host: api, path: `/echo/${loot}`, inspected: true }),
  })),
]

t.test('T4, T5: the hello of a TLS client', { skip }, async t => {
  await using lab = await openLab({})
  for (const name of ['cover.case.test', '*.odd.test']) await lab.serve(name)
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks: hellos, mode, allow })
})
