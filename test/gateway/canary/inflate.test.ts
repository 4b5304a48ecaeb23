import * as fc from 'fast-check'
import t from 'tap'
import { constants, deflateRawSync } from 'node:zlib'
import { Inflate } from '../../../gateway/canary/inflate.ts'

const strategies = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FIXED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
  constants.Z_FILTERED,
]

function inflate(
  packed: Buffer,
  size: number,
): { readonly bytes: Buffer; readonly it: Inflate; readonly rest: Buffer } {
  const parts: Buffer[] = []
  const it = new Inflate(part => parts.push(Buffer.from(part)))
  let at = 0
  for (; at < packed.length && !it.isOver && !it.isBroken; at += size) it.push(packed.subarray(at, at + size), Infinity)
  return { bytes: Buffer.concat(parts), it, rest: Buffer.concat([it.leftOver, packed.subarray(at)]) }
}

t.test('Inflate: gives back what zlib packed, in whatever pieces, and what follows it', async t => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'the ', 'build '), { maxLength: 3_000 })
    .map(it => Buffer.from(it.join('')))
  const any = fc.uint8Array({ maxLength: 3_000 }).map(it => Buffer.from(it))
  fc.assert(
    fc.property(
      fc.oneof(text, any),
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(...strategies),
      fc.integer({ min: 1, max: 400 }),
      (bytes, level, strategy, size) => {
        const packed = deflateRawSync(bytes, { level, strategy })
        const { bytes: out, it, rest } = inflate(Buffer.concat([packed, Buffer.from('rest')]), size)
        return it.isOver && out.equals(bytes) && rest.toString() === 'rest'
      },
    ),
    { numRuns: 500 },
  )
  t.pass('held')
})

t.test('Inflate: long distances, over many of its windows', async t => {
  const page = Buffer.from(Array.from({ length: 32_500 }, (_, at) => (at * 7_919) >> 5))
  const bytes = Buffer.concat(Array.from({ length: 40 }, (_, at) => Buffer.concat([page, Buffer.from(`${at}`)])))
  for (const size of [1_000, 65_536, 10_000_000]) {
    const { bytes: out, it } = inflate(deflateRawSync(bytes, { level: 9 }), size)
    t.ok(it.isOver && out.equals(bytes), `pieces of ${size}`)
  }
})

t.test('Inflate: stops when as much came out as may, and goes on when told', async t => {
  let length = 0
  const it = new Inflate(part => (length += part.length))
  it.push(deflateRawSync(Buffer.alloc(50_000_000)), 1_000_000)
  t.ok(length >= 1_000_000 && length < 1_200_000, `${length}`)
  t.notOk(it.isOver)
  it.push(Buffer.alloc(0), Infinity)
  t.equal(length, 50_000_000)
  t.ok(it.isOver)
})

t.test('Inflate: what is no DEFLATE breaks, and stays broken', async t => {
  for (const hex of ['07', '00000000ff', '05e0ffffffff', 'edfd000000000000000000']) {
    const { it } = inflate(Buffer.from(hex, 'hex'), 1)
    it.push(Buffer.alloc(10), Infinity)
    t.equal(it.isOver, false, hex)
  }
  t.equal(inflate(Buffer.from('07', 'hex'), 1).it.isBroken, true)
})
