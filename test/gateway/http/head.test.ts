import t from 'tap'
import type { HeadFault } from '../../../gateway/http/fields.ts'
import { readRequestHead, readResponseHead } from '../../../gateway/http/head.ts'

const bounds = { maxHead: 4_096, maxLine: 1_024, maxFields: 16 }

function request(text: string): ReturnType<typeof readRequestHead> {
  return readRequestHead(Buffer.from(text, 'latin1'), bounds)
}

function response(text: string): ReturnType<typeof readResponseHead> {
  return readResponseHead(Buffer.from(text, 'latin1'), bounds)
}

const h = 'Host: api.example.test\r\n'

const refused: readonly [string, string, HeadFault][] = [
  ['bare LF after the request line', `GET / HTTP/1.1\n${h}\r\n`, 'line-break'],
  ['bare LF after a field', 'GET / HTTP/1.1\r\nHost: a.test\nX: 1\r\n\r\n', 'line-break'],
  ['bare LF as the empty line', `GET / HTTP/1.1\r\n${h}\n`, 'line-break'],
  ['bare CR inside a value', `GET / HTTP/1.1\r\n${h}X: a\rb\r\n\r\n`, 'line-break'],
  ['CR CR LF', `GET / HTTP/1.1\r\n${h}X: a\r\r\n\r\n`, 'line-break'],
  ['an empty line before the request', `\r\nGET / HTTP/1.1\r\n${h}\r\n`, 'line-break'],
  ['a folded line', `GET / HTTP/1.1\r\n${h}X: a\r\n b\r\n\r\n`, 'folded-line'],
  ['a folded line by TAB', `GET / HTTP/1.1\r\n${h}X: a\r\n\tb\r\n\r\n`, 'folded-line'],
  ['NUL in a value', `GET / HTTP/1.1\r\n${h}X: a\0b\r\n\r\n`, 'control-character'],
  ['DEL in a value', `GET / HTTP/1.1\r\n${h}X: a\x7fb\r\n\r\n`, 'control-character'],
  ['NUL in the target', `GET /a\0b HTTP/1.1\r\n${h}\r\n`, 'start-line'],
  ['white space before the colon', `GET / HTTP/1.1\r\n${h}X : a\r\n\r\n`, 'field-name'],
  ['TAB before the colon', `GET / HTTP/1.1\r\n${h}Content-Length\t: 5\r\n\r\n`, 'field-name'],
  ['a field without a name', `GET / HTTP/1.1\r\n${h}: a\r\n\r\n`, 'field-name'],
  ['a field without a colon', `GET / HTTP/1.1\r\n${h}X\r\n\r\n`, 'field-name'],
  ['a byte above 127 in a name', `GET / HTTP/1.1\r\n${h}\xe9: a\r\n\r\n`, 'field-name'],
  [
    'length and coding (CL.TE)',
    `POST / HTTP/1.1\r\n${h}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'transfer-encoding',
  ],
  [
    'coding and length (TE.CL)',
    `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
    'transfer-encoding',
  ],
  ['two lengths', `POST / HTTP/1.1\r\n${h}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, 'content-length'],
  ['two equal lengths', `POST / HTTP/1.1\r\n${h}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`, 'content-length'],
  ['a list of lengths', `POST / HTTP/1.1\r\n${h}Content-Length: 5, 5\r\n\r\n`, 'content-length'],
  ['a signed length', `POST / HTTP/1.1\r\n${h}Content-Length: +5\r\n\r\n`, 'content-length'],
  ['a negative length', `POST / HTTP/1.1\r\n${h}Content-Length: -1\r\n\r\n`, 'content-length'],
  ['a hexadecimal length', `POST / HTTP/1.1\r\n${h}Content-Length: 0x5\r\n\r\n`, 'content-length'],
  ['a length with leading zeros', `POST / HTTP/1.1\r\n${h}Content-Length: 005\r\n\r\n`, 'content-length'],
  ['a length beyond 15 digits', `POST / HTTP/1.1\r\n${h}Content-Length: 1000000000000000\r\n\r\n`, 'content-length'],
  ['an empty length', `POST / HTTP/1.1\r\n${h}Content-Length:\r\n\r\n`, 'content-length'],
  ['another coding', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: gzip\r\n\r\n`, 'transfer-encoding'],
  ['a coding list', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'transfer-encoding'],
  ['chunked in capitals', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: Chunked\r\n\r\n`, 'transfer-encoding'],
  ['chunked with a parameter', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked;a=b\r\n\r\n`, 'transfer-encoding'],
  ['TAB before chunked', `POST / HTTP/1.1\r\n${h}Transfer-Encoding:\tchunked\r\n\r\n`, 'transfer-encoding'],
  ['TAB after chunked', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\t\r\n\r\n`, 'transfer-encoding'],
  ['TAB before a length', `POST / HTTP/1.1\r\n${h}Content-Length:\t5\r\n\r\n`, 'content-length'],
  ['TAB after a length', `POST / HTTP/1.1\r\n${h}Content-Length: 5 \t\r\n\r\n`, 'content-length'],
  ['xchunked', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: xchunked\r\n\r\n`, 'transfer-encoding'],
  ['a quoted coding', `POST / HTTP/1.1\r\n${h}Transfer-Encoding: "chunked"\r\n\r\n`, 'transfer-encoding'],
  [
    'chunked twice',
    `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`,
    'transfer-encoding',
  ],
  [
    'identity after chunked',
    `POST / HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
    'transfer-encoding',
  ],
  ['chunked in HTTP/1.0', `POST / HTTP/1.0\r\n${h}Transfer-Encoding: chunked\r\n\r\n`, 'transfer-encoding'],
  [
    'a vertical tab before chunked',
    `POST / HTTP/1.1\r\n${h}Transfer-Encoding: \x0bchunked\r\n\r\n`,
    'control-character',
  ],
  ['two hosts', `GET / HTTP/1.1\r\n${h}Host: evil.example.test\r\n\r\n`, 'host'],
  ['two equal hosts', `GET / HTTP/1.1\r\n${h}HOST: api.example.test\r\n\r\n`, 'host'],
  ['no host in HTTP/1.1', 'GET / HTTP/1.1\r\nX: 1\r\n\r\n', 'host'],
  ['HTTP/2.0 in the request line', `GET / HTTP/2.0\r\n${h}\r\n`, 'version'],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${h}\r\n`, 'version'],
  ['lower-case http', `GET / http/1.1\r\n${h}\r\n`, 'version'],
  ['no version (HTTP/0.9)', 'GET /\r\n\r\n', 'line-break'],
  ['two spaces after the method', `GET  / HTTP/1.1\r\n${h}\r\n`, 'start-line'],
  ['two spaces before the version', `GET /  HTTP/1.1\r\n${h}\r\n`, 'version'],
  ['a space after the version', `GET / HTTP/1.1 \r\n${h}\r\n`, 'start-line'],
  ['a TAB for a space', `GET\t/ HTTP/1.1\r\n${h}\r\n`, 'start-line'],
  ['a fragment', `GET /a#b HTTP/1.1\r\n${h}\r\n`, 'start-line'],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${h}\r\n`, 'version'],
  [
    'Connection naming the length',
    `POST / HTTP/1.1\r\n${h}Content-Length: 5\r\nConnection: Content-Length\r\n\r\n`,
    'connection',
  ],
  ['Connection naming the coding', `POST / HTTP/1.1\r\n${h}Connection: close, transfer-encoding\r\n\r\n`, 'connection'],
  ['Connection naming the host', `GET / HTTP/1.1\r\n${h}Connection: host\r\n\r\n`, 'connection'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00', 'start-line'],
  ['too many fields', `GET / HTTP/1.1\r\n${h}${'X: 1\r\n'.repeat(16)}\r\n`, 'too-many-fields'],
  ['an over-long field', `GET / HTTP/1.1\r\n${h}X: ${'a'.repeat(1_100)}\r\n\r\n`, 'line-too-long'],
  ['an over-long target', `GET /${'a'.repeat(1_100)} HTTP/1.1\r\n${h}\r\n`, 'line-too-long'],
  ['an over-long head', `GET / HTTP/1.1\r\n${h}${`X: ${'a'.repeat(900)}\r\n`.repeat(5)}\r\n`, 'head-too-long'],
  ['an over-long method', `${'A'.repeat(80)} / HTTP/1.1\r\n${h}\r\n`, 'start-line'],
]
for (const [name, text, fault] of refused) {
  t.test(`readRequestHead(): T10 refuses ${name}`, async t => {
    t.equal(request(text).fault, fault)
  })
}

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

const answers: readonly [string, string, HeadFault][] = [
  [
    'length and coding',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'transfer-encoding',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n', 'content-length'],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n', 'line-break'],
  ['another version', 'HTTP/2 200 OK\r\n\r\n', 'version'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'start-line'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'start-line'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', 'start-line'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n', 'folded-line'],
]
for (const [name, text, fault] of answers) {
  t.test(`readResponseHead(): T10 refuses ${name}`, async t => {
    t.equal(response(text).fault, fault)
  })
}

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
