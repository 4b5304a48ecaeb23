import * as fc from 'fast-check'
import { constants, createDeflateRaw } from 'node:zlib'
import t from 'tap'
import type { Sighting } from '../../../gateway/canary/body-scan.ts'
import { WebSocketScan } from '../../../gateway/canary/websocket-scan.ts'
import { canaryOf, decoys, matcher } from './canaries.ts'

interface Frame {
  readonly payload: Buffer
  readonly opcode?: number
  readonly isLast?: boolean
  readonly isPacked?: boolean
  readonly mask?: Buffer
}

/** RFC 6455 §5.2. */
function frame({
  payload,
  opcode = 2,
  isLast = true,
  isPacked = false,
  mask = Buffer.from('a5f00d17', 'hex'),
}: Frame): Buffer {
  const { length } = payload
  const sizes = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : undefined
  const size = sizes ?? [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255]
  const [short = 0, ...rest] = size
  const masked = Buffer.from(payload.map((octet, at) => octet ^ (mask[at & 3] ?? 0)))
  const first = (isLast ? 0x80 : 0) | (isPacked ? 0x40 : 0) | opcode
  return Buffer.concat([Buffer.from([first, 0x80 | short, ...rest]), mask, masked])
}

function scan(stream: Buffer, size: number): readonly Sighting[] {
  const seen: Sighting[] = []
  const it = new WebSocketScan(matcher, sighting => seen.push(sighting))
  const before = Buffer.from(stream)
  for (let at = 0; at < stream.length; at += size) it.push(stream.subarray(at, at + size))
  t.ok(stream.equals(before), 'what passes is not changed')
  return seen
}

/** Messages as RFC 7692 packs them, one after another in one stream. */
async function packed(messages: readonly Buffer[]): Promise<readonly Buffer[]> {
  const deflate = createDeflateRaw()
  const out: Buffer[] = []
  for (const message of messages) {
    const parts: Buffer[] = []
    const keep = (part: Buffer): void => void parts.push(part)
    deflate.on('data', keep)
    deflate.write(message)
    await new Promise<void>(fulfil => deflate.flush(constants.Z_SYNC_FLUSH, fulfil))
    deflate.off('data', keep)
    out.push(Buffer.concat(parts).subarray(0, -4))
  }
  return out
}

t.test('a canary in masked frames is found, in however many frames and pieces', async t => {
  fc.assert(
    fc.property(
      fc.constantFrom(...decoys.canaries),
      fc.integer({ min: 1, max: 70_000 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 400 }),
      (canary, noise, cut, size) => {
        const text = Buffer.concat([Buffer.alloc(noise, 'x'), Buffer.from(btoa(canary.value))])
        const at = text.length - Math.min(cut, text.length)
        const stream = Buffer.concat([
          frame({ payload: Buffer.from('hello'), opcode: 1 }),
          frame({ payload: text.subarray(0, at), isLast: false }),
          frame({ payload: text.subarray(at), opcode: 0 }),
        ])
        const seen: Sighting[] = []
        const it = new WebSocketScan(matcher, sighting => seen.push(sighting))
        for (let from = 0; from < stream.length; from += size) it.push(stream.subarray(from, from + size))
        return seen.some(one => one.canary.value === canary.value && one.encoding === 'base64' && !one.packed)
      },
    ),
    { numRuns: 150 },
  )
  t.pass('held')
})

t.test('a canary in packed messages is found, over messages and with a ping between', async t => {
  const { value } = canaryOf('RELEASE_NPM_TOKEN')
  const [first, second, third] = await packed([
    Buffer.from('x'.repeat(999)),
    Buffer.from(`key=${value}`),
    Buffer.from('y'),
  ])
  if (first === undefined || second === undefined || third === undefined) throw new Error('nothing packed')
  const stream = Buffer.concat([
    frame({ payload: first, isPacked: true }),
    frame({ payload: second.subarray(0, 5), isPacked: true, isLast: false }),
    frame({ payload: Buffer.from('ping'), opcode: 9 }),
    frame({ payload: second.subarray(5), opcode: 0 }),
    frame({ payload: third, isPacked: true }),
  ])
  for (const size of [1, 3, 1_000]) t.match(scan(stream, size), [{ packed: true, canary: { value } }])
})

t.test('what is no WebSocket after all is only not understood', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.integer({ min: 1, max: 100 }), (bytes, size) => {
      const it = new WebSocketScan(matcher, () => t.fail('nothing is in it'))
      for (let at = 0; at < bytes.length; at += size) it.push(Buffer.from(bytes.subarray(at, at + size)))
    }),
    { numRuns: 2_000 },
  )
  t.pass('held')
})
