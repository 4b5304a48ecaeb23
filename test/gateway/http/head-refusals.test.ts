import t from 'tap'
import type { HeadFault } from '../../../gateway/http/fields.ts'
import { h, request, response } from './head-rig.ts'

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
