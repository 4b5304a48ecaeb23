import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, observed, passes, raid, refused } from './bypass.ts'
import { get, https } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const allow = ['https://api.acme.test', '"https://**.case.test"']

/** What a relay and an origin could read differently. `@` stands for the host, `#` for the loot. */
const ambiguous: readonly (readonly [what: string, text: string])[] = [
  [
    'Content-Length beside Transfer-Encoding',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'Transfer-Encoding before Content-Length',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  ],
  [
    'two different Content-Length',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello',
  ],
  [
    'two equal Content-Length',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  ],
  ['a list as Content-Length', 'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: 5, 5\r\n\r\nhello'],
  ['a signed Content-Length', 'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: +5\r\n\r\nhello'],
  ['Content-Length in hexadecimal', 'POST /echo/# HTTP/1.1\r\nHost: @\r\nContent-Length: 0x5\r\n\r\nhello'],
  [
    'a folded line',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nX-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello',
  ],
  ['bare LF as line end', 'POST /echo/# HTTP/1.1\nHost: @\nContent-Length: 5\n\nhello'],
  ['bare LF inside a head', 'GET /echo/# HTTP/1.1\r\nHost: @\r\nX-A: b\nX-B: c\r\n\r\n'],
  ['bare CR inside a value', 'GET /echo/# HTTP/1.1\r\nHost: @\r\nX-A: b\rX-B: c\r\n\r\n'],
  ['white space before the colon', 'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
  [
    'a transfer coding that is not chunked',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunked behind another coding',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  ['chunked in capitals', 'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n'],
  [
    'chunked behind a vertical tab',
    'POST /echo/# HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
  ],
  ['chunked in HTTP/1.0', 'POST /echo/# HTTP/1.0\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two Host fields', 'GET /echo/# HTTP/1.1\r\nHost: @\r\nHost: other.acme.test\r\n\r\n'],
  ['no Host', 'GET /echo/# HTTP/1.1\r\n\r\n'],
  ['NUL in a value', 'GET /echo/# HTTP/1.1\r\nHost: @\r\nX-A: b\0c\r\n\r\n'],
  ['NUL in Host', 'GET /echo/# HTTP/1.1\r\nHost: @\0.other.acme.test\r\n\r\n'],
  ['a space before the first field', 'GET /echo/# HTTP/1.1\r\n Host: other.acme.test\r\nHost: @\r\n\r\n'],
  ['two spaces in the request line', 'GET  /echo/# HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['HTTP/1.2', 'GET /echo/# HTTP/1.2\r\nHost: @\r\n\r\n'],
  ['HTTP/0.9', 'GET /echo/#\r\n\r\n'],
  ['a blank line before the request', '\r\nGET /echo/# HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['an escape that hides dot segments', 'GET /echo/#/..%2f..%2fadmin HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['a backslash in the path', 'GET /echo\\..\\# HTTP/1.1\r\nHost: @\r\n\r\n'],
]
/** The same inside a body: the head is allowed, and goes out; what follows does not. */
const brokenChunks: readonly (readonly [what: string, body: string])[] = [
  ['a chunk size with a sign', '+5\r\n#\r\n0\r\n\r\n'],
  ['a chunk size with a prefix', '0x9\r\n#\r\n0\r\n\r\n'],
  ['a chunk size with white space', '9 \r\n#\r\n0\r\n\r\n'],
  ['a chunk that is longer than its size', '1\r\n#\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '9\n#\r\n0\r\n\r\n'],
  ['a chunk size that overflows', '10000000000000009\r\n#\r\n0\r\n\r\n'],
  ['a line break in an extension', '9;a=b\n\r\n#\r\n0\r\n\r\n'],
  ['Content-Length among the trailers', '0\r\nContent-Length: 9\r\n\r\n#'],
  ['Host among the trailers', '0\r\nHost: #\r\n\r\n'],
]

const smuggling: readonly Attack[] = [
  ...ambiguous.map(([what, text], at): Attack => {
    const host = `h1.t${at}.case.test`
    return {
      id: 'T10',
      what,
      does: loot => https(host, text.replaceAll('@', host).replaceAll('#', loot)),
      block: () => refused(/HTTP\/1\.1 400 [\s\S]*reason malformed/, { layer: 'http', host, reason: 'malformed' }),
      audit: () => observed(/./, { layer: 'http', host, reason: 'malformed' }),
    }
  }),
  ...brokenChunks.map(([what, body], at): Attack => {
    const host = `h1.b${at}.case.test`
    const head = `POST /echo/a HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`
    return {
      id: 'T10',
      what,
      does: loot => https(host, head, body.replaceAll('#', loot)),
      block: () => refused(/HTTP\/1\.1 400 [\s\S]*reason malformed/, { layer: 'http', host, reason: 'malformed' }),
      audit: () => observed(/./, { layer: 'http', host, reason: 'malformed' }),
    }
  }),
  {
    id: 'T10',
    what: 'a request hidden in the body of another is body',
    does: loot => {
      const hidden = get(`/echo/${loot}`, 'other.acme.test')
      return https(
        'api.acme.test',
        `POST /upload HTTP/1.1\r\nHost: api.acme.test\r\nConnection: close\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
      )
    },
    block: () => passes(/"length":/, { layer: 'http', host: 'api.acme.test', path: '/upload', method: 'POST' }),
    audit: () => passes(/"length":/, { layer: 'http', host: 'api.acme.test', path: '/upload', method: 'POST' }),
  },
]

t.test('T10: what a relay and an origin could read differently', { skip }, async t => {
  await using lab = await openLab({})
  await lab.serve('*.case.test')
  for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks: smuggling, mode, allow, atOnce: 48 })
})
