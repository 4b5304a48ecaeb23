import { gzipSync } from 'node:zlib'
import type { RawStep as Written } from '../lab/origins/exchange.ts'
import { asks, ended, everyOctet, head, type FidelityCase } from './fidelity-case.ts'

const ambiguousAnswer = { status: 502, because: 'answer' } as const

/** A plain request, answered with these bytes; the end of them is the end of the case. */
function answers(name: string, answer: string | readonly Written[], further: Partial<FidelityCase> = {}): FidelityCase {
  const steps = [{ send: head(`GET /${name} HTTP/1.1`) }]
  return { name, steps, answer: typeof answer === 'string' ? [{ send: answer }] : answer, until: ended, ...further }
}

/** The origin closes after it. */
function closes(
  name: string,
  answer: string,
  end: 'fin' | 'reset' = 'fin',
  further: Partial<FidelityCase> = {},
): FidelityCase {
  const { until: _, ...rest } = answers(name, [{ send: answer }, { end }], further)
  return rest
}

/** Answers that differ in what a relay likes to change. */
export const answerCases: readonly FidelityCase[] = [
  { name: 'lab-headers', path: '/headers', steps: [{ send: head('GET /headers HTTP/1.1') }], until: 'odd headers\n' },
  answers(
    'order-case-doubles',
    `HTTP/1.1 200 Quite All Right\r\nx-lower: 1\r\nX-UPPER:2\r\nX-Twice:  one \r\nContent-Length: 6\r\nX-tWICE: two\r\nX-Empty:\r\nX-Obs: caf\xe9\r\nSERVER: \tx\t\r\n\r\n${ended}`,
  ),
  answers(
    'cookies',
    `HTTP/1.1 200 OK\r\n${Array.from({ length: 60 }, (_, at) => `Set-Cookie: c${at}=${'v'.repeat(at)}; Path=/\r\n`).join('')}content-length: 6\r\n\r\n${ended}`,
  ),
  answers('no-reason', `HTTP/1.1 200 \r\nContent-Length: 6\r\n\r\n${ended}`),
  answers('no-reason-nor-space', `HTTP/1.1 200\r\nContent-Length: 6\r\n\r\n${ended}`),
  answers('reason-of-obs-text', `HTTP/1.1 299 Tr\xe8s  bien \t\r\nContent-Length: 6\r\n\r\n${ended}`),
  answers('status-799', `HTTP/1.1 799 Beyond\r\nContent-Length: 6\r\n\r\n${ended}`),
  answers(
    'long-line',
    `HTTP/1.1 200 OK\r\nLink: ${'<https://example.com/>; rel=preload, '.repeat(2_500)}x\r\nContent-Length: 6\r\n\r\n${ended}`,
  ),
  answers(
    'chain-of-1xx',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\nHTTP/1.1 103\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n${ended}`,
  ),
  answers(
    'chunks-and-trailers',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n005;ext="a b"\r\nhello\r\nA;x\r\n0123456789\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nX-End: ${ended.trim()}\r\n\r\n`,
    { until: '\r\nX-End: END\r\n\r\n' },
  ),
  answers('chunked-in-capitals', `HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n6\r\n${ended}\r\n0\r\n\r\n`, {
    until: '\r\n0\r\n\r\n',
  }),
  answers('two-equal-lengths', `HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 6\r\n\r\n${ended}`, {
    inBlock: ambiguousAnswer,
  }),
  answers(
    'gzip',
    [
      { send: 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n' },
      ...[gzipSync('compressed '.repeat(1_000))].flatMap(bytes => [
        { send: `${bytes.length.toString(16)}\r\n` },
        { send: bytes },
        { send: '\r\n0\r\n\r\n' },
      ]),
    ],
    { until: '\r\n0\r\n\r\n' },
  ),
  answers('every-octet', [{ send: `HTTP/1.1 200 OK\r\nContent-Length: 262\r\n\r\n${everyOctet}${ended}` }]),
  answers(
    'in-small-pieces',
    Array.from(`HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, send => [
      { send },
      { waitMs: 1 },
    ]).flat(),
    { until: '0\r\n\r\n' },
  ),
  ...[
    ['304-with-length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "x"\r\n\r\n'],
    ['304-with-chunked', 'GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['204', 'DELETE', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'],
    ['205', 'POST', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n'],
    ['head-with-length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n'],
    ['head-with-chunked', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['head-with-neither', 'HEAD', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n'],
  ].map(([name = '', method = '', bytes = '']): FidelityCase => ({
    // The next answer of the same connection shows that there was no body.
    name,
    steps: [
      { send: head(`${method} /${name} HTTP/1.1`) },
      { await: '\r\n\r\n' },
      { send: head('GET /chunked?next HTTP/1.1') },
    ],
    answer: [{ send: bytes }],
    until: '\r\n0\r\n\r\n',
  })),
  closes('http-1.0-until-close', 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end'),
  closes('http-1.1-until-close', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end'),
  closes('until-close-of-nothing', 'HTTP/1.1 200 OK\r\n\r\n'),
  closes('says-close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye'),
  closes('short-of-its-length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this'),
  closes('short-of-its-chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe'),
  closes('reset-in-its-length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this', 'reset'),
  closes('reset-until-close', 'HTTP/1.1 200 OK\r\n\r\nonly this', 'reset'),
  asks(
    'too-much-to-read',
    path => [{ send: `${head(`POST ${path} HTTP/1.1`, 'Content-Length: 3000000')}${'x'.repeat(1_000)}` }],
    {
      answer: [
        { send: `HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 6\r\n\r\n${ended}` },
        { end: 'fin' },
      ],
    },
  ),
  {
    name: 'alt-svc-of-others',
    steps: [{ send: head('GET /alt-svc-of-others HTTP/1.1') }],
    answer: [
      { send: `HTTP/1.1 200 OK\r\nAlt-Svc: h2="alt.example.com:443"; ma=60\r\nContent-Length: 6\r\n\r\n${ended}` },
    ],
    until: ended,
  },
  answers('bare-line-feeds', `HTTP/1.1 200 OK\nContent-Length: 6\n\n${ended}`, { inBlock: ambiguousAnswer }),
  answers('folded', `HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 6\r\n\r\n${ended}`, {
    inBlock: ambiguousAnswer,
  }),
  answers('space-before-colon', `HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 6\r\n\r\n${ended}`, {
    inBlock: ambiguousAnswer,
  }),
  answers('two-different-lengths', `HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 5\r\n\r\n${ended}`, {
    inBlock: ambiguousAnswer,
  }),
  answers(
    'length-and-chunks',
    `HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n${ended}\r\n0\r\n\r\n`,
    { until: '\r\n0\r\n\r\n', inBlock: ambiguousAnswer },
  ),
]
