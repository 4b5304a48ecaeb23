import { sensitiveHeaders } from 'node:http2'
import t from 'tap'
import { withoutHttp3 } from '../../../gateway/http/alt-svc.ts'
import {
  fieldObject,
  readRequest,
  requestFields,
  responseFields,
  withSensitivity,
} from '../../../gateway/http/h2-fields.ts'

const head = (...more: string[]): string[] => [
  ':method',
  'POST',
  ':scheme',
  'https',
  ':authority',
  'a.example.com',
  ':path',
  '/x?q',
  ...more,
]

t.test('readRequest(): reads what the decision needs', async t => {
  t.match(readRequest(head('content-length', '12', 'content-type', 'application/grpc+proto'), 'https'), {
    method: 'POST',
    authority: 'a.example.com',
    target: '/x?q',
    bodyLength: 12,
    isGrpc: true,
    upgrade: 'none',
    dnsMedia: false,
    isAmbiguous: false,
  })
})

const ambiguous: readonly [string, string[], boolean][] = [
  ['the same host twice', head('host', 'A.example.com'), false],
  ['another host (T3)', head('host', 'b.example.com'), true],
  ['two hosts', head('host', 'a.example.com', 'host', 'b.example.com'), true],
  ['another scheme', [':method', 'GET', ':scheme', 'http', ':authority', 'a.example.com', ':path', '/'], true],
  ['only a host', [':method', 'GET', ':scheme', 'https', ':path', '/', 'host', 'a.example.com'], false],
]
for (const [what, raw, expected] of ambiguous) {
  t.test(`readRequest(): ${what} ${expected ? 'can be read in two ways' : 'has one meaning'}`, async t => {
    t.equal(readRequest(raw, 'https').isAmbiguous, expected)
  })
}

t.test('readRequest(): sees DNS over HTTPS by its media types (D2)', async t => {
  t.equal(readRequest(head('content-type', 'application/dns-message'), 'https').dnsMedia, true)
  t.equal(readRequest(head('accept', 'text/html, application/dns-json'), 'https').dnsMedia, true)
  t.equal(readRequest(head('accept', 'application/json'), 'https').dnsMedia, false)
})

t.test('readRequest(): is not taken in by gRPC-like names', async t => {
  t.equal(readRequest(head('content-type', 'application/grpc-web'), 'https').isGrpc, false)
  t.equal(readRequest(head('content-type', 'application/grpc'), 'https').isGrpc, true)
})

t.test('requestFields(): fields for a proxy stay here, all others keep order and duplicates', async t => {
  const plain = head('cookie', 'a=1', 'x', '1', 'cookie', 'b=2')
  t.equal(requestFields(plain), plain, 'nothing is copied where nothing goes')
  t.strictSame(requestFields([...plain, 'proxy-authorization', 'Basic x', 'y', '2']), [...plain, 'y', '2'])
})

t.test('withSensitivity(): what must not be indexed stays so', async t => {
  const raw = head('authorization', 'Bearer x')
  const headers = { [sensitiveHeaders]: ['authorization'] }
  t.strictSame(Reflect.get(withSensitivity(raw, headers), sensitiveHeaders), ['authorization'])
  t.equal(withSensitivity(raw, {}), raw)
})

const services: readonly [string, string | undefined][] = [
  ['h3=":443"; ma=86400', undefined],
  ['h3=":443"; ma=86400, h3-29=":443"', undefined],
  ['h2="alt.example.com:443", h3=":443"', 'h2="alt.example.com:443"'],
  ['quic=":443"; v="46,43", h2=":8443"', 'h2=":8443"'],
  ['clear', 'clear'],
  ['h2=":443"; ma=1,h2=":444"', 'h2=":443"; ma=1,h2=":444"'],
]
for (const [text, kept] of services) {
  t.test(`withoutHttp3(): of ${text} stays ${kept ?? 'nothing'} (T6)`, async t => {
    t.equal(withoutHttp3(text), kept)
    const others = [':status', '200', 'x', '1']
    t.strictSame(responseFields([...others, 'alt-svc', text]), [
      ...others,
      ...(kept === undefined ? [] : ['alt-svc', kept]),
    ])
  })
}

t.test('fieldObject(): duplicates become lists in order', async t => {
  t.strictSame(fieldObject(['a', '1', 'b', '2', 'a', '3', 'a', '4']), { a: ['1', '3', '4'], b: '2' })
})
