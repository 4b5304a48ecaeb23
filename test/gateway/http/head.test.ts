import t from 'tap'
import { h, request, response } from './head-rig.ts'

t.test('readRequestHead(): a field that merely looks like a framing field is not one', async t => {
  const head = request(
    `POST / HTTP/1.1\r\n${h}Content_Length: 5\r\nX-Transfer-Encoding: gzip\r\nContent-Lengthy: 6\r\n\r\n`,
  )
  t.match(head, { fault: undefined, contentLength: -1, chunked: false })
})

t.test('readRequestHead(): what the decision and the framing need is read, whatever the case of names', async t => {
  const text = `POST /a/b?c=d HTTP/1.1\r\nhOsT:\t api.example.test:8443 \r\ncontent-LENGTH: 12\r\nConnection: Keep-Alive\r\nExpect: 100-Continue\r\n\r\nrest`
  const head = request(text)
  t.match(head, {
    method: 'POST',
    target: '/a/b?c=d',
    minor: 1,
    host: 'api.example.test:8443',
    contentLength: 12,
    keepAlive: true,
    expectContinue: true,
    bodyKind: 'length',
  })
  t.equal(head.end, text.length - 4)
})

t.test('readRequestHead(): HTTP/1.0 needs no host', async t => {
  t.match(request('GET / HTTP/1.0\r\n\r\n'), { fault: undefined, minor: 0, host: undefined, end: 18 })
})

t.test('readRequestHead(): every beginning of a good head is incomplete, never at fault', async t => {
  const text = `POST /a?b HTTP/1.1\r\n${h}Content-Length: 5\r\nX: y\r\n\r\n`
  for (let length = 0; length < text.length; length += 1) {
    const head = request(text.slice(0, length))
    t.ok(head.fault === undefined && head.end === 0, `${length} bytes`)
  }
})

t.test('readResponseHead(): every beginning of a good head is incomplete, never at fault', async t => {
  const text = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n`
  for (let length = 0; length < text.length; length += 1) {
    const head = response(text.slice(0, length))
    t.ok(head.fault === undefined && head.end === 0, `${length} bytes`)
  }
})

for (const line of ['HTTP/1.1 200\r\n', 'HTTP/1.1 200 \r\n', 'HTTP/1.0 200 Tr\xe8s bien\r\n']) {
  t.test(`readResponseHead(): takes ${JSON.stringify(line)}`, async t => {
    t.match(response(`${line}Content-Length: 0\r\n\r\n`), { fault: undefined, status: 200, contentLength: 0 })
  })
}

t.test('readResponseHead(): takes chunked in capitals, which means the same', async t => {
  const head = response('HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n')
  t.match(head, { fault: undefined, chunked: true })
})

t.test('readRequestHead(): T8 Proxy-* fields, h2c and its settings are cut, with their Connection tokens', async t => {
  const text = `GET / HTTP/1.1\r\n${h}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\nProxy-Authorization: Basic x\r\nA: 1\r\n\r\n`
  const head = request(text)
  t.match(head, { fault: undefined, upgrade: 'h2c', close: true })
  t.strictSame(
    head.cuts?.map(cut => [text.slice(cut.start, cut.end), cut.instead]),
    [
      ['Connection: Upgrade, HTTP2-Settings, close\r\n', 'Connection: upgrade, close\r\n'],
      ['Upgrade: h2c\r\n', ''],
      ['HTTP2-Settings: AAMAAABkAAQ\r\n', ''],
      ['Proxy-Authorization: Basic x\r\n', ''],
    ],
  )
})

const upgrades: readonly [string, string][] = [
  ['websocket', 'Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n'],
  ['other', 'Upgrade: websocket\r\n'],
  ['other', 'Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n'],
  ['other', 'Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n'],
  ['h2c', 'Upgrade: h2c\r\n'],
  ['other', 'Upgrade: TLS/1.0\r\n'],
  ['other', 'Upgrade: websocket, h2c\r\n'],
  ['other', 'Upgrade: h2c\r\nUpgrade: websocket\r\n'],
  ['none', 'Upgrade-Insecure-Requests: 1\r\n'],
]
for (const [kind, lines] of upgrades) {
  t.test(`readRequestHead(): ${JSON.stringify(lines)} is an upgrade of kind ${kind}`, async t => {
    t.equal(request(`GET / HTTP/1.1\r\n${h}${lines}\r\n`).upgrade, kind)
  })
}

t.test('readRequestHead(): T9 what is not GET, or is HTTP/1.0, begins no WebSocket', async t => {
  const lines = `${h}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`
  for (const line of ['POST / HTTP/1.1', 'DELETE / HTTP/1.1', 'HEAD / HTTP/1.1', 'GET / HTTP/1.0']) {
    t.equal(request(`${line}\r\n${lines}`).upgrade, 'other', line)
  }
})

t.test('readRequestHead(): T8 h2c is cut out of a list, what stands beside it stays', async t => {
  const text = `GET / HTTP/1.1\r\n${h}Upgrade: foo/2 , H2C,bar\r\n\r\n`
  const head = request(text)
  t.equal(head.upgrade, 'other')
  t.strictSame(
    head.cuts?.map(cut => [text.slice(cut.start, cut.end), cut.instead]),
    [['Upgrade: foo/2 , H2C,bar\r\n', 'Upgrade: foo/2 ,bar\r\n']],
  )
})

t.test('readRequestHead(): connection-bound authentication is noticed', async t => {
  t.equal(request(`GET / HTTP/1.1\r\n${h}Authorization: NTLM TlRM\r\n\r\n`).boundAuthentication, true)
  t.equal(request(`GET / HTTP/1.1\r\n${h}authorization: negotiate YII\r\n\r\n`).boundAuthentication, true)
  t.equal(request(`GET / HTTP/1.1\r\n${h}Authorization: Bearer x\r\n\r\n`).boundAuthentication, false)
  t.equal(response('HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\n\r\n').boundAuthentication, true)
})

function cuts(line: string): unknown {
  return response(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`).cuts?.map(cut => cut.instead)
}

t.test('readResponseHead(): T6 HTTP/3 is taken out of Alt-Svc, the rest stays', async t => {
  t.strictSame(cuts('alt-svc: h3=":443"; ma=86400, h3-29=":443"'), [''])
  t.strictSame(cuts('Alt-Svc: h3=":443", h2="alt.example.test:443"; ma=1'), [
    'Alt-Svc: h2="alt.example.test:443"; ma=1\r\n',
  ])
  t.equal(cuts('Alt-Svc: clear'), undefined)
  t.equal(cuts('Alt-Svc: h2=":8443"'), undefined)
})

for (const line of [
  'Accept: application/dns-message',
  'Content-Type: APPLICATION/DNS-MESSAGE',
  'Accept: text/html, application/dns-json',
  'Accept: application/oblivious-dns-message',
]) {
  t.test(`readRequestHead(): D2 ${line} is a DNS media type`, async t => {
    t.equal(request(`GET / HTTP/1.1\r\n${h}${line}\r\n\r\n`).dnsMedia, true)
  })
}
