import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { readAll, type Exchange, type Handler, type HeaderLine, type Reply } from './exchange.ts'
import { patternPieces } from './pattern.ts'

const plain: HeaderLine = ['Content-Type', 'text/plain']

/** What every origin answers unless something else is scripted or served. The first segment of the path chooses. */
export const defaultRoutes: Handler = async exchange => {
  const [, route = '', argument = ''] = exchange.path.split('/')
  const number = Number(argument)
  switch (route) {
    case 'echo':
      return json(await echoOf(exchange))
    case 'mirror':
      return { status: 200, headers: [['Content-Type', 'application/octet-stream']], body: exchange.body }
    case 'bytes':
      return {
        status: 200,
        headers: [['Content-Type', 'application/octet-stream']],
        length: number,
        body: patternPieces(number),
      }
    case 'upload':
      return upload(exchange)
    case 'status':
      return {
        status: number,
        headers: [plain, ['X-Route', 'status']],
        body: number === 204 || number === 304 ? '' : `status ${number}\n`,
      }
    case 'chunked':
      return { status: 200, headers: [plain], body: pieces(['first ', 'second ', 'third\n']) }
    case 'trailers':
      return {
        status: 200,
        headers: [plain, ['Trailer', 'X-Checksum, X-Signed-By']],
        body: pieces(['with trailers\n']),
        trailers: [
          ['X-Checksum', 'abc'],
          ['X-Signed-By', 'Lab'],
        ],
      }
    case '1xx':
      return {
        status: 200,
        headers: [plain],
        body: 'after 103\n',
        informational: [{ status: 103, headers: [['Link', '</style.css>; rel=preload; as=style']] }],
      }
    case 'slow':
      return { status: 200, headers: [plain], body: slowly(number || 1_000) }
    case 'alt-svc':
      return {
        status: 200,
        headers: [plain, ['Alt-Svc', 'h3=":443"; ma=86400, h2=":443"; ma=60'], ['X-After', 'kept']],
        body: 'alt-svc\n',
      }
    case 'gzip':
      return {
        status: 200,
        headers: [plain, ['Content-Encoding', 'gzip'], ['Vary', 'Accept-Encoding']],
        body: gzipSync('compressed text\n'.repeat(100)),
      }
    case 'br':
      return {
        status: 200,
        headers: [plain, ['Content-Encoding', 'br']],
        body: brotliCompressSync('compressed text\n'.repeat(100)),
      }
    case 'redirect':
      return { status: 302, headers: [['Location', exchange.query.get('to') ?? '/']], body: 'moved\n' }
    case 'headers':
      return { status: 200, reason: 'Quite All Right', headers: oddHeaders, body: 'odd headers\n' }
    case 'close':
      return { status: 200, headers: [plain], body: 'bye\n', end: 'close' }
    case 'reset':
      return { status: 200, headers: [plain], length: 1_000_000, body: patternPieces(10_000), end: 'reset' }
    case 'truncate':
      return { status: 200, headers: [plain], length: 1_000_000, body: patternPieces(10_000), end: 'close' }
    case 'sse':
      return { status: 200, headers: [['Content-Type', 'text/event-stream']], body: events(number || 3) }
    case 'until-close':
      return {
        raw: [
          { send: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the connection closes\n' },
          { end: 'fin' },
        ],
      }
    case '':
      return { status: 200, headers: [plain], body: `${exchange.host}\n` }
    default:
      return { status: 404, headers: [plain], body: `nothing at ${exchange.path}\n` }
  }
}

/** Lines that a relay likes to change: case, order, doubles, empty and odd values. */
const oddHeaders: readonly HeaderLine[] = [
  ['x-lower', '1'],
  ['X-UPPER', '2'],
  ['Set-Cookie', 'a=1; Path=/'],
  ['set-cookie', 'b=2'],
  ['X-Empty', ''],
  ['X-Twice', 'one'],
  ['X-Between', 'between'],
  ['X-Twice', 'two'],
  ['X-Obs-Text', 'caf\xe9'],
  ['Content-Type', 'text/plain;charset=UTF-8'],
  ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Server', 'lab'],
  ['X_Underscore', 'kept'],
]

/** A reply with a JSON body. */
export function json(value: unknown, status = 200): Reply {
  return { status, headers: [['Content-Type', 'application/json']], body: JSON.stringify(value) + '\n' }
}

async function echoOf(exchange: Exchange): Promise<unknown> {
  const body = await readAll(exchange.body)
  return {
    protocol: exchange.protocol,
    method: exchange.method,
    target: exchange.target,
    host: exchange.host,
    headers: exchange.headers,
    head: Buffer.from(exchange.head).toString('latin1'),
    trailers: exchange.trailers,
    remoteAddress: exchange.remoteAddress,
    body: {
      length: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      text: body.subarray(0, 4_096).toString('latin1'),
    },
  }
}

async function upload({ body }: Exchange): Promise<Reply> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of body) {
    hash.update(piece)
    length += piece.length
  }
  return json({ length, sha256: hash.digest('hex') })
}

async function* pieces(texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

async function* slowly(totalMs: number): AsyncGenerator<Buffer> {
  for (let part = 0; part < 10; part += 1) {
    await delay(totalMs / 10)
    yield Buffer.from(`part ${part}\n`)
  }
}

async function* events(count: number): AsyncGenerator<Buffer> {
  for (let event = 0; event < count; event += 1) {
    yield Buffer.from(`data: ${event}\n\n`)
    await delay(20)
  }
}
