import t from 'tap'
import { fileURLToPath } from 'node:url'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, perform, raid, refused } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { type Fields, head, opening, ordinary, ping, pong, splitHead, withTrailers } from './bypass-frames.ts'

t.setTimeout(120_000)
const skip = whyNoLab(['grpc'])

const host = 'api.acme.test'
const allow = [`https://${host}`, 'https://github.test', 'https://grpc.acme.test']

/** One request on the first stream; what is read until `until` is what is told. */
const ask = (fields: Fields, until: string): Deed => ({
  do: 'tls',
  to: host,
  alpn: ['h2'],
  say: [opening(), head(1, fields), { reads: until }, { ends: true }],
})
/** An allowed request first, then this one on the same connection. */
const askSecond = (fields: Fields, until: string): Deed => ({
  do: 'tls',
  to: host,
  alpn: ['h2'],
  say: [
    opening(),
    head(1, ordinary(host, '/')),
    { reads: 'api.acme.test\n' },
    head(3, fields),
    { reads: until },
    { ends: true },
  ],
})
const denied = (reason: string): RegExp => new RegExp(`^\\[h2\\][\\s\\S]*tidegate: denied [\\s\\S]*reason ${reason}`)
const echoed = /"protocol":"h2"/

type Row = readonly [what: string, fields: (path: string) => Fields, reason: string]
const rows: readonly Row[] = [
  [':authority of another host', path => ordinary('other.acme.test', path), 'host-mismatch'],
  [':authority of another allowed host: coalescing', path => ordinary('github.test', path), 'host-mismatch'],
  [':authority with another port', path => ordinary(`${host}:8443`, path), 'host-mismatch'],
  [
    'Host that says something else than :authority',
    path => ordinary(host, path, ['host', 'other.acme.test']),
    'malformed',
  ],
  [
    ':authority that says something else than Host',
    path => ordinary('other.acme.test', path, ['host', host]),
    'host-mismatch',
  ],
  [
    'Host of another host, without :authority',
    path => ordinary(host, path, ['host', 'other.acme.test']).filter(([name]) => name !== ':authority'),
    'host-mismatch',
  ],
  [
    'another scheme',
    path => ordinary(host, path).map(([name, value]) => [name, name === ':scheme' ? 'http' : value]),
    'malformed',
  ],
]

const streams: readonly Attack[] = rows.flatMap(([what, fields, reason]) =>
  [ask, askSecond].map((does, at): Attack => ({
    id: 'T3',
    what: `${what}${at === 0 ? '' : ', on a later stream'}`,
    does: loot => does(fields(`/echo/${loot}`), at === 0 || reason !== '' ? 'acme.test' : ''),
    block: loot =>
      refused(denied(reason), { layer: 'http', protocol: 'h2', path: `/echo/${loot}`, reason, inspected: true }),
    audit: loot => observed(/^\[h2\]/, { layer: 'http', protocol: 'h2', path: `/echo/${loot}`, reason }),
  })),
)

/** What no HTTP/2 endpoint may take: the field is dropped, the stream or the connection reset, in either mode. */
const broken: readonly (readonly [what: string, fields: (loot: string) => Fields])[] = [
  [
    'two :authority',
    loot => [
      ...ordinary(host, `/echo/${loot}`).slice(0, 3),
      [':authority', 'other.acme.test'],
      [':path', `/echo/${loot}`],
    ],
  ],
  ['two :path', loot => [...ordinary(host, '/'), [':path', `/${loot}`]]],
  [
    'a pseudo field behind fields',
    loot => [...ordinary(host, `/${loot}`).slice(0, 2), ['a', 'b'], [':authority', host], [':path', `/${loot}`]],
  ],
  ['a name in capitals', loot => ordinary(host, `/${loot}`, ['Host', 'other.acme.test'])],
  ['a line break in a value', loot => ordinary(host, '/', ['a', `b\r\nhost: ${loot}`])],
  ['a line break in :path', loot => ordinary(host, `/${loot} HTTP/1.1\r\nHost: other.acme.test`)],
  ['NUL in a value', loot => ordinary(host, '/', ['a', `b\0${loot}`])],
  ['a colon in a name', loot => ordinary(host, '/', ['a: b\r\nc', loot])],
  [':authority with a user before it', loot => ordinary(`${host}@other.acme.test`, `/${loot}`)],
  [':authority that is empty', loot => ordinary('', `/${loot}`)],
  [':path in absolute form', loot => ordinary(host, `https://other.acme.test/echo/${loot}`)],
  ['Transfer-Encoding', loot => ordinary(host, `/${loot}`, ['transfer-encoding', 'chunked'])],
  ['Connection', loot => ordinary(host, `/${loot}`, ['connection', 'upgrade'])],
  ['an unknown pseudo field', loot => ordinary(host, `/${loot}`).concat([[':protocol', 'websocket']])],
]
const resets: readonly Attack[] = broken.map(([what, fields]) => ({
  id: 'T3',
  what,
  does: loot => ({
    do: 'tls',
    to: host,
    alpn: ['h2'],
    say: [opening(), head(1, fields(loot)), ping(), { reads: pong }, { ends: true }],
  }),
  block: () => ({ got: /^\[h2\]/, arrives: false }),
  audit: () => ({ got: /^\[h2\]/, arrives: false }),
}))

const others: readonly Attack[] = [
  {
    id: 'T3',
    what: 'a head in many CONTINUATION frames is read whole',
    does: loot => ({
      do: 'tls',
      to: host,
      alpn: ['h2'],
      say: [
        opening(),
        splitHead(1, ordinary('other.acme.test', `/echo/${loot}`)),
        { reads: 'acme.test' },
        { ends: true },
      ],
    }),
    block: loot => refused(denied('host-mismatch'), { layer: 'http', path: `/echo/${loot}`, reason: 'host-mismatch' }),
    audit: loot => observed(echoed, { layer: 'http', path: `/echo/${loot}`, reason: 'host-mismatch' }),
  },
  {
    id: 'P9',
    what: 'a trailer that ends programs of Node ends nothing',
    does: loot => ({
      do: 'tls',
      to: host,
      alpn: ['h2'],
      say: [
        opening(),
        withTrailers(1, ordinary(host, `/echo/${loot}`), [['http2-settings', 'AAMAAABkAAQAAP__']]),
        { reads: '"protocol":"h2"' },
        { ends: true },
      ],
    }),
    block: loot => passes(echoed, { layer: 'http', path: `/echo/${loot}` }),
    audit: loot => passes(echoed, { layer: 'http', path: `/echo/${loot}` }),
  },
  ...['CONNECT', 'connect'].map((method, at): Attack => ({
    id: 'T8',
    what: `${method} on a stream`,
    does: loot =>
      ask(
        at === 0
          ? [
              [':method', method],
              [':authority', `${loot}.evil.test:443`],
            ]
          : ordinary(host, `/${loot}`).with(0, [':method', method]),
        'acme.test',
      ),
    block: loot =>
      at === 0
        ? refused(denied('method'), { layer: 'http', protocol: 'h2', method, reason: 'method' })
        : passes(/^\[h2\]/, { layer: 'http', method, path: `/${loot}` }),
    // A tunnel inside a stream is opened in no mode.
    audit: loot =>
      at === 0
        ? refused(denied('method'), { layer: 'http', protocol: 'h2', method, reason: 'method' })
        : passes(/^\[h2\]/, { layer: 'http', method, path: `/${loot}` }),
  })),
]

t.test('T3: HTTP/2', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'grpc'] })
  const attacks = [...streams, ...resets, ...others]
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks, mode, allow })

  for (const mode of ['block', 'audit'] as const) {
    const client = fileURLToPath(new URL('../lab-selftest/clients/grpc.ts', import.meta.url))
    const deed: Deed = {
      do: 'program',
      file: process.execPath,
      args: ['--disable-warning=ExperimentalWarning', client, 'grpc.acme.test:443'],
    }
    const { outcome, told } = await perform(lab, { mode, allow }, [deed])
    t.match(
      told[0],
      /"echoed":\["one","two","three"\],"trailer":"[^"]+","code":0/,
      `T14: a gRPC stream with its trailers passes inspection in ${mode}`,
    )
    t.ok(
      outcome.lines.some(
        ({ host: name, protocol, inspected }) => name === 'grpc.acme.test' && protocol === 'h2' && inspected === true,
      ),
      `T14: and it was read in ${mode}`,
    )
  }
})
