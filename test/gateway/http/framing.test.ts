import { array, assert, constantFrom, integer, property, uint8Array } from 'fast-check'
import t from 'tap'
import { BodyFrame } from '../../../gateway/http/framing.ts'
import { HeldBytes } from '../../../gateway/http/held-bytes.ts'

function frameChunked(pieces: readonly string[]): { readonly end: number; readonly frame: BodyFrame } {
  const frame = new BodyFrame()
  frame.begin('chunked', -1)
  let end = 0
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1')
    end += frame.take(bytes, 0)
    if (frame.done || frame.broken) break
  }
  return { end, frame }
}

const whole: readonly [string, string, number][] = [
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 5],
  ['sizes in either case', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', 20],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 5],
  ['extensions', '5;name=value;other="quoted text"\r\nhello\r\n0;last\r\n\r\n', 5],
  ['trailers', '5\r\nhello\r\n0\r\nX-Sum: 42\r\nX-Other:\r\n\r\n', 5],
  ['nothing', '0\r\n\r\n', 0],
  ['data that looks like framing', '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', 7],
]
for (const [name, text, payload] of whole) {
  t.test(`BodyFrame: finds the end of a chunked body with ${name}, however it is cut`, async t => {
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { end, frame } = frameChunked([text.slice(0, cut), `${text.slice(cut)}GET / HTTP/1.1`])
      t.strictSame([end, frame.done, frame.broken, frame.payload], [text.length, true, false, payload], `cut at ${cut}`)
    }
  })
}

t.test('BodyFrame: shows payload and what stands beside it, all of it, however it is cut', async t => {
  const text = '5;k="v"\r\nhello\r\n3\r\nabc\r\n0;last\r\nX-Sum: 42\r\n\r\n'
  const beside = '5;k="v"\r\n\r\n3\r\n\r\n0;last\r\nX-Sum: 42\r\n\r\n'
  for (let cut = 0; cut <= text.length; cut += 1) {
    const frame = new BodyFrame()
    const shown = ['', '']
    frame.begin(
      'chunked',
      -1,
      part => (shown[0] += part.toString()),
      part => (shown[1] += part.toString()),
    )
    for (const piece of [text.slice(0, cut), `${text.slice(cut)}GET /`])
      if (!frame.done) frame.take(Buffer.from(piece), 0)
    t.strictSame(shown, ['helloabc', beside], `cut at ${cut}`)
  }
  const plain = new BodyFrame()
  plain.begin('length', 5, undefined, () => t.fail('there is nothing beside it'))
  plain.take(Buffer.from('hello'), 0)
})

const broken: readonly [string, string][] = [
  ['an empty size', '\r\nhello'],
  ['a size that is no number', 'g\r\n'],
  ['a hexadecimal prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a sign', '+5\r\nhello\r\n'],
  ['white space before the size', ' 5\r\nhello\r\n'],
  ['white space after the size', '5 \r\nhello\r\n'],
  ['white space before an extension', '5 ;a\r\nhello\r\n'],
  ['a size beyond 12 digits', '0000000000005\r\nhello\r\n'],
  ['a bare LF after the size', '5\nhello\r\n'],
  ['a bare CR after the size', '5\rhello\r\n'],
  ['a bare LF in an extension', '5;a\nhello\r\n'],
  ['NUL in an extension', '5;\0\r\nhello\r\n'],
  ['an endless extension', `5;${'a'.repeat(20_000)}`],
  ['data longer than its size', '5\r\nhelloo\r\n0\r\n\r\n'],
  ['a bare LF after the data', '5\r\nhello\n0\r\n\r\n'],
  ['a folded trailer', '0\r\nX: 1\r\n 2\r\n\r\n'],
  ['a trailer without a colon', '0\r\nX\r\n\r\n'],
  ['a trailer with white space before the colon', '0\r\nX : 1\r\n\r\n'],
  ['a bare LF as the end', '0\r\n\n'],
  ['a trailer that frames', '0\r\nContent-Length: 5\r\n\r\n'],
  ['a trailer that routes', '0\r\nHOST: evil.example.test\r\n\r\n'],
  ['a coding as a trailer', '0\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['endless trailers', `0\r\n${'X: 1234567890\r\n'.repeat(2_000)}`],
]
for (const [name, text] of broken) {
  t.test(`BodyFrame: T10 a chunked body with ${name} is broken, however it is cut`, async t => {
    const cuts = text.length > 100 ? [0, 50] : Array.from({ length: text.length }, (_, cut) => cut)
    for (const cut of cuts)
      t.equal(frameChunked([text.slice(0, cut), text.slice(cut)]).frame.broken, true, `cut at ${cut}`)
  })
}

t.test('BodyFrame: a length is counted down over any number of pieces', async t => {
  assert(
    property(array(integer({ min: 0, max: 40 }), { minLength: 1 }), integer({ min: 0, max: 100 }), (pieces, length) => {
      const frame = new BodyFrame()
      frame.begin('length', length)
      let taken = 0
      for (const piece of pieces) taken += frame.take(Buffer.alloc(piece), 0)
      const sent = pieces.reduce((sum, piece) => sum + piece, 0)
      return taken === Math.min(sent, length) && frame.done === sent >= length && frame.payload === taken
    }),
  )
  t.pass('held for every cut')
})

t.test('BodyFrame: a body that ends with the connection takes everything and is never done', async t => {
  const frame = new BodyFrame()
  frame.begin('until-close', -1)
  t.equal(frame.take(Buffer.alloc(10), 3), 10)
  t.match(frame, { done: false, payload: 7 })
})

t.test('BodyFrame: shows the payload and nothing else, once and in order, however it is cut', async t => {
  const pieces = array(uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 6 })
  const cuts = array(integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 })
  assert(
    property(pieces, cuts, constantFrom('length', 'chunked', 'until-close'), (parts, sizes, kind) => {
      const payload = Buffer.concat(parts)
      const chunks = parts.flatMap(part => [`${part.length.toString(16)};x=y\r\n`, part, '\r\n'])
      const sent = kind === 'chunked' ? [...chunks, '0\r\nT: 1\r\n\r\n'] : [payload]
      const follows = kind === 'until-close' ? '' : 'GET / HTTP/1.1'
      const wire = Buffer.concat([...sent, follows].map(part => Buffer.from(part)))
      const frame = new BodyFrame()
      const shown: Buffer[] = []
      frame.begin(kind, payload.length, part => shown.push(Buffer.from(part)))
      for (let at = 0, turn = 0; at < wire.length && !frame.done; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1
        frame.take(wire.subarray(at, at + size), 0)
        at += size
      }
      return Buffer.concat(shown).equals(payload) && shown.every(part => part.length > 0)
    }),
  )
  t.pass('held for every cut')
})

t.test('HeldBytes: says when a head can be read, and gives back what it was given, however it is cut', async t => {
  const text = 'GET / HTTP/1.1\r\nHost: a.example.test\r\nX: y\r\n\r\n'
  assert(
    property(array(integer({ min: 1, max: 20 }), { minLength: 60, maxLength: 60 }), sizes => {
      const held = new HeldBytes()
      let at = 0
      for (const size of sizes) {
        if (at >= text.length) break
        const end = Math.min(text.length, at + size)
        if (held.push(Buffer.from(text.slice(at, end))) !== (end === text.length)) return false
        at = end
      }
      return held.take().toString() === text && held.length === 0
    }),
  )
  const held = new HeldBytes()
  t.equal(held.push(Buffer.from('GET / HTTP/1.1\n')), true, 'a bare LF will never become a head')
})
