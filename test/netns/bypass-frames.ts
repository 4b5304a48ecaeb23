import type { Say } from './bypass-deed.ts'

/** Names and values of one head, in the order they are sent; anything goes. */
export type Fields = readonly (readonly [name: string, value: string])[]

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const endStream = 1
const endHeaders = 4

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal without indexing and without Huffman code (RFC 7541 §6.2.2), so that any byte can be said. */
function literal([name, value]: readonly [string, string]): Buffer {
  const text = (part: string): Buffer => {
    const bytes = Buffer.from(part, 'latin1')
    return Buffer.concat([bytes.length < 127 ? Buffer.of(bytes.length) : Buffer.of(127, bytes.length - 127), bytes])
  }
  return Buffer.concat([Buffer.of(0), text(name), text(value)])
}

/** The beginning of an HTTP/2 connection: preface and empty settings. */
export function opening(): Say {
  return { hex: Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0))]).toString('hex') }
}

/** Asks for a sign of life; `pong` is how its answer begins, which comes after whatever came of the frames before. */
export function ping(): Say {
  return { hex: frame(6, 0, 0, Buffer.alloc(8)).toString('hex') }
}

export const pong = '\0\0\x08\x06\x01'

/** A request without a body on stream `stream` (odd), made by hand. */
export function head(stream: number, fields: Fields): Say {
  return { hex: frame(1, endStream | endHeaders, stream, Buffer.concat(fields.map(literal))).toString('hex') }
}

/** The same, with the head split behind each field: HEADERS and CONTINUATION. */
export function splitHead(stream: number, fields: Fields): Say {
  const frames = fields.map((field, at) =>
    frame(
      at === 0 ? 1 : 9,
      (at === 0 ? endStream : 0) | (at === fields.length - 1 ? endHeaders : 0),
      stream,
      literal(field),
    ),
  )
  return { hex: Buffer.concat(frames).toString('hex') }
}

/** A request that is to be ordinary. */
export function ordinary(authority: string, path: string, ...more: Fields): Fields {
  return [[':method', 'GET'], [':scheme', 'https'], [':authority', authority], [':path', path], ...more]
}

/** A request with a body and trailers, made by hand: the end is the trailers'. */
export function withTrailers(stream: number, fields: Fields, trailers: Fields): Say {
  const frames = [
    frame(1, endHeaders, stream, Buffer.concat(fields.map(literal))),
    frame(0, 0, stream, Buffer.from('body')),
    frame(1, endStream | endHeaders, stream, Buffer.concat(trailers.map(literal))),
  ]
  return { hex: Buffer.concat(frames).toString('hex') }
}
