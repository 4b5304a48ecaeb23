import t from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import { http, https, keep, ok, request, sentence } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab(['websocket'])
const allow = [
  'https://api.acme.test',
  'GET,HEAD https://cdn.acme.test/echo/**',
  'http://apt.acme.test',
  '"https://**.case.test"',
  'https://ws.acme.test',
  'wss://ws.acme.test/socket/**',
  'wss://cdn.acme.test/socket/**',
]

const upgrade = (protocol: string): readonly string[] => [`Upgrade: ${protocol}`]
const socketLines = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]
/** A masked text frame, mask zero. */
const frame = (text: string): string => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`

const upgrades: readonly Attack[] = [
  {
    id: 'T8',
    what: 'an upgrade to h2c is cut out, the request passes',
    does: loot =>
      https(
        'api.acme.test',
        request('GET', `/echo/${loot}`, 'api.acme.test', [
          ...upgrade('h2c'),
          'HTTP2-Settings: AAMAAABkAAQAAP__',
          'Connection: Upgrade, HTTP2-Settings, close',
        ]),
      ),
    block: loot => passes(ok, { layer: 'http', path: `/echo/${loot}` }),
    audit: loot => passes(ok, { layer: 'http', path: `/echo/${loot}` }),
  },
  ...['h2c, websocket', 'foo, h2c', 'TLS/1.0', 'h2', 'x-tunnel'].map((protocol): Attack => ({
    id: 'T8',
    what: `an upgrade to ${protocol}`,
    does: loot =>
      https(
        'api.acme.test',
        request('GET', `/echo/${loot}`, 'api.acme.test', [`Upgrade: ${protocol}`, 'Connection: Upgrade, close']),
      ),
    block: loot => refused(sentence(403, 'upgrade'), { layer: 'http', path: `/echo/${loot}`, reason: 'upgrade' }),
    audit: loot => observed(ok, { layer: 'http', path: `/echo/${loot}`, reason: 'upgrade' }),
  })),
  {
    id: 'T8',
    what: 'CONNECT inside TLS, with a tunnel behind it',
    does: loot =>
      https(
        'api.acme.test',
        `CONNECT other.acme.test:443 HTTP/1.1\r\nHost: other.acme.test:443\r\n\r\n${keep(`/${loot}`, 'x')}`,
      ),
    block: () =>
      refused(/HTTP\/1\.1 403/, { layer: 'http', host: 'api.acme.test', method: 'CONNECT', reason: 'method' }),
    audit: () => observed(/./, { layer: 'http', host: 'api.acme.test', method: 'CONNECT', reason: 'method' }),
  },
  {
    id: 'T8',
    what: 'CONNECT over plain HTTP',
    does: loot =>
      http(
        'apt.acme.test',
        `CONNECT other.acme.test:443 HTTP/1.1\r\nHost: other.acme.test:443\r\n\r\n${keep(`/${loot}`, 'x')}`,
      ),
    block: () =>
      refused(/HTTP\/1\.1 403/, { layer: 'http', host: 'apt.acme.test', method: 'CONNECT', reason: 'method' }),
    audit: () => observed(/./, { layer: 'http', host: 'apt.acme.test', method: 'CONNECT', reason: 'method' }),
  },
  ...['Transfer-Encoding', 'Content-Length', 'host'].map((field, at): Attack => ({
    id: 'T8',
    what: `Connection names ${field}, to have it dropped on the way`,
    does: loot =>
      https(
        `h1.hop${at}.case.test`,
        request(
          'POST',
          `/echo/${loot}`,
          `h1.hop${at}.case.test`,
          [`Connection: close, ${field}`, 'Content-Length: 2'],
          'ab',
        ),
      ),
    block: () =>
      refused(sentence(400, 'malformed'), { layer: 'http', host: `h1.hop${at}.case.test`, reason: 'malformed' }),
    audit: () => observed(ok, { layer: 'http', host: `h1.hop${at}.case.test`, reason: 'malformed' }),
  })),
  {
    id: 'T8',
    what: 'HTTP/2 without TLS by prior knowledge on the port of http',
    does: loot => http('apt.acme.test', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${loot}`),
    block: () => refused(/ECONNRESET/, { layer: 'tcp', host: 'apt.acme.test', port: 80, reason: 'protocol' }),
    audit: () => observed(/./, { layer: 'tcp', host: 'apt.acme.test', port: 80, reason: 'protocol' }),
  },
  {
    id: 'T8',
    what: 'TRACE where only GET and HEAD are allowed',
    does: loot => https('cdn.acme.test', request('TRACE', `/echo/${loot}`, 'cdn.acme.test', ['Connection: close'])),
    block: loot => refused(sentence(403, 'method'), { layer: 'http', path: `/echo/${loot}`, reason: 'method' }),
    audit: loot => observed(ok, { layer: 'http', path: `/echo/${loot}`, reason: 'method' }),
  },
  {
    id: 'T9',
    what: 'a WebSocket to a host with an https rule only',
    does: loot =>
      https('api.acme.test', request('GET', `/echo/${loot}`, 'api.acme.test', socketLines), { reads: 'HTTP/1.1' }),
    block: loot => refused(sentence(403, 'upgrade'), { layer: 'http', path: `/echo/${loot}`, reason: 'upgrade' }),
    audit: loot => observed(ok, { layer: 'http', path: `/echo/${loot}`, reason: 'upgrade' }),
  },
  {
    id: 'T9',
    what: 'a WebSocket to a path that no wss rule names',
    does: loot =>
      https(
        'ws.acme.test',
        request('GET', `/other/${loot}`, 'ws.acme.test', socketLines),
        { reads: '101' },
        frame('hi'),
      ),
    block: loot => refused(sentence(403, 'path'), { layer: 'http', path: `/other/${loot}`, reason: 'path' }),
    audit: loot => observed(/101/, { layer: 'http', path: `/other/${loot}`, reason: 'path', protocol: 'websocket' }),
  },
  {
    id: 'T9',
    what: 'a WebSocket that a wss rule names',
    does: loot =>
      https(
        'ws.acme.test',
        request('GET', `/socket/${loot}`, 'ws.acme.test', socketLines),
        { reads: '101' },
        frame(loot),
        {
          reads: loot,
        },
        '\x88\x80\0\0\0\0',
      ),
    block: loot =>
      passes(new RegExp(`101[\\s\\S]*${loot}`), { layer: 'http', path: `/socket/${loot}`, protocol: 'websocket' }),
    audit: loot =>
      passes(new RegExp(`101[\\s\\S]*${loot}`), { layer: 'http', path: `/socket/${loot}`, protocol: 'websocket' }),
  },
  ...[
    [
      'a body under the name of a WebSocket',
      ['Upgrade: websocket', 'Connection: Upgrade, close', 'Content-Length: 2'],
      'POST',
      'ab',
    ],
    ['Upgrade without Connection', ['Upgrade: websocket', 'Connection: close'], 'GET', ''],
    ['Upgrade: websocket with another method', ['Upgrade: websocket', 'Connection: Upgrade, close'], 'DELETE', ''],
  ].map(([what, lines, method, body]): Attack => ({
    id: 'T9',
    what: `no WebSocket where only wss is allowed: ${String(what)}`,
    does: loot =>
      https(
        'cdn.acme.test',
        request(String(method), `/socket/${loot}`, 'cdn.acme.test', [lines].flat().map(String), String(body)),
      ),
    block: loot => refused(/HTTP\/1\.1 40[03]/, { layer: 'http', path: `/socket/${loot}` }),
    audit: loot => observed(/HTTP\/1\.1 404/, { layer: 'http', path: `/socket/${loot}` }),
  })),
  {
    id: 'T9',
    what: 'an accomplice that answers 101 to a request which asked for nothing',
    does: loot => https('h1.fake.case.test', keep('/fake101', 'h1.fake.case.test'), { reads: 'HTTP/1.1' }, loot),
    block: () => ({
      got: /HTTP\/1\.1 502[\s\S]*UPSTREAM_PROTOCOL/,
      line: { layer: 'http', path: '/fake101', error: 'UPSTREAM_PROTOCOL', status: 502 },
      arrives: false,
    }),
    audit: () => observed(/HTTP\/1\.1 101/, { layer: 'http', path: '/fake101', reason: 'malformed' }),
  },
]

/** Upgrades that have reached an origin, but to WebSocket. */
async function upgraded(lab: Lab): Promise<readonly unknown[]> {
  const fields = (await lab.origins.requests()).flatMap(({ headers }) => headers)
  return fields.filter(
    ([name, value]) => /^http2-settings$/i.test(name) || (/^upgrade$/i.test(name) && /h2c/i.test(value)),
  )
}

t.test('T8, T9: upgrades and tunnels in HTTP/1', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'websocket'] })
  await lab.serve('*.case.test')
  const accomplice = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'
  await lab.origins.script('h1.fake.case.test', '/fake101', accomplice)
  for (const mode of ['block', 'audit'] as const) {
    await raid(t, lab, { attacks: upgrades, mode, allow })
    t.strictSame(await upgraded(lab), [], `T8: no h2c has reached an origin (${mode})`)
  }
})
