import * as fc from 'fast-check'
import t from 'tap'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { BodyScan, type Sighting } from '../../../gateway/canary/body-scan.ts'
import { placeName } from '../../../gateway/canary/values.ts'
import { canaryOf, decoys, matcher } from './canaries.ts'

function scan(
  body: Buffer,
  coding: string,
  size: number,
): { readonly seen: readonly Sighting[]; readonly isCapped: boolean } {
  const seen: Sighting[] = []
  const it = new BodyScan(matcher, coding, sighting => seen.push(sighting))
  for (let at = 0; at < body.length; at += size) it.push(body.subarray(at, at + size))
  it.end()
  return { seen, isCapped: it.isCapped }
}

const packers: readonly (readonly [coding: string, pack: (bytes: Buffer) => Buffer])[] = [
  ['gzip', bytes => gzipSync(bytes)],
  ['x-gzip', bytes => gzipSync(bytes, { level: 1 })],
  [' GZIP ', bytes => Buffer.concat([gzipSync(Buffer.from('before')), gzipSync(bytes)])],
  ['deflate', bytes => deflateSync(bytes)],
  ['deflate', bytes => deflateRawSync(bytes)],
  ['br', bytes => brotliCompressSync(bytes)],
  ['zstd', bytes => zstdCompressSync(bytes)],
  // Nobody says so: a file that is uploaded, and one in a form.
  ['', bytes => gzipSync(bytes)],
  ['', bytes => Buffer.concat([Buffer.from('--form\r\n\r\n\u001f'), gzipSync(bytes), Buffer.from('\r\n--form--\r\n')])],
  ['', bytes => named(gzipSync(bytes), 'secrets.tar')],
]

/** With the file's name in its head, as `gzip FILE` writes it. */
function named(packed: Buffer, name: string): Buffer {
  const head = Buffer.from(packed.subarray(0, 10))
  head[3] = 8
  return Buffer.concat([head, Buffer.from(`${name}\0`), packed.subarray(10)])
}

t.test('a packed body is looked through, in whatever pieces it comes', async t => {
  for (const [coding, pack] of packers) {
    fc.assert(
      fc.property(
        fc.constantFrom(...decoys.canaries),
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 90 }),
        fc.boolean(),
        (canary, noise, size, isTwice) => {
          const value = Buffer.from(canary.value)
          const secret = isTwice ? Buffer.from(value.toString('base64')) : value
          const { seen } = scan(pack(Buffer.concat([noise, secret, noise])), coding, size)
          return seen.some(
            sighting =>
              placeName(sighting.canary.place) === placeName(canary.place) &&
              sighting.packed &&
              sighting.encoding === (isTwice ? 'base64' : 'as it is'),
          )
        },
      ),
      { numRuns: 60 },
    )
    t.pass(coding)
  }
})

t.test('what is no such format is looked through as it is', async t => {
  const { value } = canaryOf('DEPLOY_PASSWORD')
  for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'identity', 'rot13', 'gzip, br']) {
    const { seen, isCapped } = scan(Buffer.from(`not packed ${value}`), coding, 7)
    t.match(seen, [{ packed: false, encoding: 'as it is' }], coding)
    t.equal(isCapped, false)
  }
  const broken = gzipSync(Buffer.from(`first ${'x'.repeat(5_000)}`))
  broken.fill(0xff, 20, 40)
  t.equal(
    scan(Buffer.concat([broken, Buffer.from(value)]), '', 50).seen[0]?.packed,
    false,
    'a broken archive before it',
  )
})

t.test('a second archive is looked into as well', async t => {
  const { value } = canaryOf('RELEASE_NPM_TOKEN')
  const body = Buffer.concat([gzipSync(Buffer.from('one')), Buffer.from('between them'), gzipSync(Buffer.from(value))])
  for (const size of [1, 9, 4_000]) t.match(scan(body, '', size).seen, [{ packed: true }], `${size}`)
})

t.test('a bomb is given up, and that is said', async t => {
  const zeros = Buffer.alloc(64 * 1_048_576)
  for (const [coding, pack] of packers.filter(([name]) => name !== 'deflate')) {
    t.equal(scan(pack(zeros), coding, 16_384).isCapped, true, coding)
  }
  t.equal(
    scan(gzipSync(Buffer.alloc(3 * 1_048_576)), 'gzip', 1_000).isCapped,
    false,
    'what is only compressible is not',
  )
  const long = Buffer.concat([brotliCompressSync(Buffer.from('x')), Buffer.alloc(2 * 1_048_576)])
  t.equal(scan(long, 'br', 65_536).isCapped, true, 'nor is more of brotli kept than said')
})
