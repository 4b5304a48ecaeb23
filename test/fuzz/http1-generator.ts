/** A small seeded generator (mulberry32): the same seed gives the same cases on every machine. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

type Pick = (below: number) => number

function one(pick: Pick, list: readonly string[]): string {
  return list[pick(list.length)] ?? ''
}

const methods = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH']
const targets = ['/', '/a/b?c=d', '*', 'http://a.test/', '/%2e%2e/', '/\xe4', '//x', '/a;b=c', '/a|b', '/a\\b']
const lines = [
  'Host: a.test',
  'Host: a.test',
  'Host: a.test',
  'host:a.test',
  'Content-Length: 5',
  'Content-Length: 0',
  'content-length:5',
  'Content-Length:\t5 ',
  'Content-Length: 05',
  'Content-Length: 5,5',
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'X: y',
  'X:',
  'X: a:b',
  'Expect: 100-continue',
  'X-\xe4: 1',
  'X: \xe4',
  'Content_Length: 5',
  'X : y',
  ' folded',
  'Keep-Alive: 1',
  'Connection: content-length',
  'Trailer: X',
  'TE: trailers',
  'Cookie: a=b; c=d',
  'Proxy-Connection: x',
  'A: "q\\"r"',
  'Content-Length: 5\x0b',
]
const bodies = [
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\n',
  '5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n',
  'A\r\n0123456789\r\n0\r\n\r\n',
  '05\r\nhello\r\n00\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '5\nhello\n0\n\n',
  '5\r\nhello0\r\n\r\n',
]
const extensions = [
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b c"',
  ';a;b=c',
  '; ',
  ';a b',
  ';a=',
  ';=b',
  ';a="b\\"c"',
  ';a="b',
  ';;',
  ';a=b"c"',
]
const breaks = [
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\r\n',
  '\n\r\n',
]
const versions = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.1 ',
]
const statuses = [
  '200 OK',
  '200',
  '200 ',
  '204 No Content',
  '304 Not Modified',
  '100 Continue',
  '404 \xe4',
  '99 X',
  '1000 X',
  '200  OK',
]

/** A request that is mostly right, followed by what may be its body and the next request. */
export function request(pick: Pick): Buffer {
  const count = pick(5)
  let text = `${one(pick, methods)} ${one(pick, targets)} ${one(pick, versions)}${one(pick, breaks)}`
  if (pick(8) !== 0) text += `Host: a.test${one(pick, breaks)}`
  for (let line = 0; line < count; line += 1) text += `${one(pick, lines)}${one(pick, breaks)}`
  text += `${one(pick, breaks)}${body(pick)}`
  if (pick(3) === 0) text += 'GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n'
  return mutated(pick, text)
}

/** An answer that is mostly right, followed by what may be its body. */
export function response(pick: Pick): Buffer {
  const count = pick(5)
  let text = `${one(pick, versions)} ${one(pick, statuses)}${one(pick, breaks)}`
  for (let line = 0; line < count; line += 1) text += `${one(pick, lines)}${one(pick, breaks)}`
  return mutated(pick, `${text}${one(pick, breaks)}${body(pick)}`)
}

function body(pick: Pick): string {
  if (pick(3) !== 0) return one(pick, bodies)
  const data = 'x'.repeat(pick(20))
  return `${data.length.toString(16)}${one(pick, extensions)}\r\n${data}\r\n0${one(pick, extensions)}\r\n${one(pick, ['', 'X: y\r\n', 'X\r\n'])}\r\n`
}

/** Now and then octets are changed, inserted, removed or doubled. */
function mutated(pick: Pick, text: string): Buffer {
  let bytes = Buffer.from(text, 'latin1')
  const count = pick(3) === 0 ? 1 + pick(3) : 0
  for (let change = 0; change < count; change += 1) {
    const at = pick(bytes.length)
    const before = bytes.subarray(0, at)
    const octet = Buffer.from([pick(3) === 0 ? pick(256) : ' \t\r\n:;,\0#\x7f'.charCodeAt(pick(10))])
    switch (pick(4)) {
      case 0:
        bytes = Buffer.concat([before, octet, bytes.subarray(at + 1)])
        break
      case 1:
        bytes = Buffer.concat([before, octet, bytes.subarray(at)])
        break
      case 2:
        bytes = Buffer.concat([before, bytes.subarray(at + 1)])
        break
      default:
        bytes = Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)])
    }
  }
  return bytes
}
