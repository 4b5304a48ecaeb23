import { asks, ended, everyOctet, head, host, plainAnswer, type FidelityCase } from './fidelity-case.ts'

const ambiguousRequest = { status: 400, because: 'request' } as const

/** Requests that differ in what a relay likes to change. */
export const requestCases: readonly FidelityCase[] = [
  asks('order-case-doubles', path => [
    {
      send: head(
        `GET ${path} HTTP/1.1`,
        'x-lower: 1',
        'X-UPPER: 2',
        'X-Twice: one',
        'Accept: */*',
        'x-tWICE: two',
        'Cookie: a=1',
        'Cookie: b=2; c="3"',
        'X-Empty:',
        'X-Tight:tight',
        'X-Wide: \t  wide  \t ',
        'X-Obs-Text: caf\xe9 \xff',
        "X_Under.score!#$%&'*+-^`|~: all of a token",
        '0-First: a digit',
      ),
    },
  ]),
  asks('long-line', path => [{ send: head(`GET ${path} HTTP/1.1`, `X-Long: ${'l'.repeat(30_000)}`) }]),
  asks('many-lines', path => [
    { send: head(`GET ${path} HTTP/1.1`, ...Array.from({ length: 200 }, (_, at) => `X-Line-${at % 50}: ${at}`)) },
  ]),
  asks('odd-query', path => [{ send: head(`GET ${path}?a=|{}^"<>\`[]\\&%zz=%&b=\xc3\xa9 HTTP/1.1`) }]),
  {
    name: 'odd-path',
    path: "//a/./b/../c;p=1/%7e/%2F/$&'()*+,=:@!",
    steps: [{ send: head("GET //a/./b/../c;p=1/%7e/%2F/$&'()*+,=:@!?x HTTP/1.1") }],
    until: `${host}\n`,
  },
  ...['PROPFIND', 'REPORT', 'M-SEARCH', 'get', 'X_!#$%'].map(method =>
    asks(`method-${Buffer.from(method).toString('hex')}`, path => [{ send: head(`${method} ${path} HTTP/1.1`) }]),
  ),
  asks('one-octet-at-a-time', path => [{ slowly: head(`PUT ${path} HTTP/1.1`, 'Content-Length: 5') + 'hello' }]),
  asks('http-1.0', path => [{ send: head(`GET ${path} HTTP/1.0`) }]),
  asks(
    'http-1.0-kept',
    path => [
      { send: head(`GET ${path} HTTP/1.0`, 'Connection: Keep-Alive') },
      { await: ended },
      { send: head(`GET ${path}?again HTTP/1.0`, 'connection: keep-alive') },
    ],
    { until: `${ended}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${ended}` },
  ),
  asks('pipelined', path => [{ send: ['1', '2', '3'].map(at => head(`GET ${path}?${at} HTTP/1.1`)).join('') }], {
    until: plainAnswer.repeat(3),
  }),
  asks('chunks', path => [
    {
      send: `${head(`POST ${path} HTTP/1.1`, 'Transfer-Encoding: chunked', 'Trailer: X-Sum')}005;ext="a b"\r\nhello\r\nA;x\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n`,
    },
  ]),
  asks('chunks-of-one', path => [
    { send: head(`POST ${path} HTTP/1.1`, 'Transfer-Encoding: chunked') },
    { slowly: `${Array.from('hello', letter => `1\r\n${letter}\r\n`).join('')}0\r\n\r\n` },
  ]),
  asks('every-octet', path => [{ send: `${head(`POST ${path} HTTP/1.1`, 'Content-Length: 256')}${everyOctet}` }]),
  asks('empty-body', path => [
    { send: head(`POST ${path} HTTP/1.1`, 'Content-Length: 0', 'Content-Type: text/plain') },
  ]),
  {
    name: 'expect',
    path: '/upload',
    steps: [
      { send: head('PUT /upload?expect HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue') },
      { await: '100 Continue\r\n\r\n' },
      { send: 'hello' },
    ],
    until: '"}\n',
  },
  asks(
    'expect-refused',
    path => [{ send: head(`PUT ${path} HTTP/1.1`, 'Content-Length: 500000', 'Expect: 100-continue') }],
    { answer: [{ send: `HTTP/1.1 417 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\n${ended}` }, { end: 'fin' }] },
  ),
  asks('te-trailers', path => [
    { send: head(`GET ${path} HTTP/1.1`, 'TE: trailers, deflate;q=0.5', 'Connection: TE, keep-alive') },
  ]),
  asks('close', path => [{ send: head(`GET ${path} HTTP/1.1`, 'Connection: close') }]),
  asks('host-with-port-and-case', path => [{ send: `GET ${path} HTTP/1.1\r\nhOsT:   H1.Acme.Test  \r\n\r\n` }]),
  asks('asterisk', () => [{ send: head('OPTIONS * HTTP/1.1') }], { path: '*', until: `${host}\n` }),
  asks(
    'left-in-the-middle',
    path => [
      { send: `${head(`PUT ${path} HTTP/1.1`, 'Content-Length: 1000000')}${'x'.repeat(1_000)}` },
      { await: '102 Processing' },
      { leave: true },
    ],
    { answer: [{ send: 'HTTP/1.1 102 Processing\r\n\r\n' }] },
  ),
  asks(
    'two-lengths',
    path => [{ send: `${head(`POST ${path} HTTP/1.1`, 'Content-Length: 5', 'Content-Length: 5')}hello` }],
    { inBlock: ambiguousRequest },
  ),
  asks(
    'length-and-chunks',
    path => [{ send: `${head(`POST ${path} HTTP/1.1`, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n` }],
    { inBlock: ambiguousRequest },
  ),
  asks('bare-line-feeds', path => [{ send: `GET ${path} HTTP/1.1\nHost: ${host}\nX-A: 1\n\n` }], {
    inBlock: ambiguousRequest,
  }),
  asks('folded', path => [{ send: head(`GET ${path} HTTP/1.1`, 'X-A: 1', ' folded') }], { inBlock: ambiguousRequest }),
]
