import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { BoundedBody } from '../../../gateway/permissions/bounded-body.ts'

function bodyOf(bytes: Buffer, coding?: string): string | undefined {
  const body = new BoundedBody(coding)
  for (let at = 0; at < bytes.length; at += 100) body.add(bytes.subarray(at, at + 100))
  return body.text()
}

const text = '{"token":"x"}'.repeat(30)

await t.test('BoundedBody: is read whatever way it is packed', async t => {
  t.equal(bodyOf(Buffer.from(text)), text)
  t.equal(bodyOf(gzipSync(text), 'gzip'), text)
  t.equal(bodyOf(gzipSync(text), ' GZIP '), text)
  t.equal(bodyOf(deflateSync(text), 'deflate'), text)
  t.equal(bodyOf(brotliCompressSync(text), 'br'), text)
  t.equal(bodyOf(Buffer.alloc(0)), '')
})

await t.test('BoundedBody: what is too long, packed otherwise or broken is not', async t => {
  t.equal(bodyOf(Buffer.alloc(262_145, 'x')), undefined)
  t.equal(bodyOf(Buffer.alloc(262_144, 'x'))?.length, 262_144)
  t.equal(bodyOf(gzipSync(Buffer.alloc(10_000_000)), 'gzip'), undefined, 'a bomb')
  t.equal(bodyOf(gzipSync(text).subarray(0, -8), 'gzip'), undefined, 'cut short')
  for (const coding of ['zstd', 'gzip, br', 'constructor', '__proto__'])
    t.equal(bodyOf(Buffer.from(text), coding), undefined, coding)
})
