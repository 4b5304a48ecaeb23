import * as fc from 'fast-check'
import t from 'tap'
import type { Encoding } from '../../../gateway/canary/encodings.ts'
import { Matcher, StreamMatcher } from '../../../gateway/canary/matcher.ts'
import { placeName } from '../../../gateway/canary/values.ts'
import { decoys, matcher } from './canaries.ts'

/** How thieves write what they carry out, and what it is called then. */
const writers: readonly (readonly [Encoding, (bytes: Buffer) => Buffer])[] = [
  ['as it is', bytes => bytes],
  ['base64', bytes => Buffer.from(bytes.toString('base64'))],
  ['base64', bytes => Buffer.from(bytes.toString('base64url'))],
  ['base64', bytes => Buffer.from(encodeURIComponent(bytes.toString('base64')))],
  ['base64', bytes => wrapped(bytes.toString('base64'), 76)],
  ['base64', bytes => wrapped(bytes.toString('base64'), 64)],
  ['base64 twice', bytes => base64(base64(bytes))],
  ['base64 three times', bytes => base64(base64(base64(bytes)))],
  ['hex', bytes => Buffer.from(bytes.toString('hex'))],
  ['hex', bytes => Buffer.from(bytes.toString('hex').toUpperCase())],
  ['hex', bytes => wrapped(bytes.toString('hex'), 60)],
  ['hex', bytes => Buffer.from(bytes.toString('hex').replaceAll(/..(?!$)/g, '$& '))],
  ['hex of base64', bytes => Buffer.from(base64(bytes).toString('hex'))],
  ['base64 of hex', bytes => base64(Buffer.from(bytes.toString('hex')))],
  ['percent-encoded', bytes => Buffer.from(bytes.toString('hex').toUpperCase().replaceAll(/../g, '%$&'))],
  ['escaped', bytes => Buffer.from(bytes.toString('hex').replaceAll(/../g, String.raw`\x$&`))],
  ['UTF-16', bytes => Buffer.from(bytes.toString('latin1'), 'utf16le')],
  ['base64 of UTF-16', bytes => base64(Buffer.from(bytes.toString('latin1'), 'utf16le'))],
  ['backwards', bytes => Buffer.from(bytes.toReversed())],
]

function base64(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64'))
}

function wrapped(text: string, columns: number): Buffer {
  return Buffer.from((text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []).join('\n'))
}

const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map(bytes => Buffer.from(bytes))

/** What a stream that comes in pieces of these sizes, in turn, is found to hold. */
function found(stream: Buffer, sizes: readonly number[]): readonly string[] {
  const names: string[] = []
  const look = new StreamMatcher(matcher, ({ canary, encoding }) =>
    names.push(`${placeName(canary.place)} ${encoding}`),
  )
  for (let at = 0, turn = 0; at < stream.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    look.push(stream.subarray(at, at + size))
    at += size
  }
  return names
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 200 })), {
  minLength: 1,
  maxLength: 8,
})

t.test('every canary is found, whatever stands before and after it, however it is written and cut', async t => {
  for (const [encoding, write] of writers) {
    fc.assert(
      fc.property(
        fc.constantFrom(...decoys.canaries),
        octets(70),
        octets(70),
        octets(40),
        sizes,
        (canary, before, after, outside, pieces) => {
          // Latin letters: UTF-16 of other octets is another text.
          const plain = (bytes: Buffer): Buffer => Buffer.from(bytes.map(octet => octet & 0x7f))
          const secret = write(Buffer.concat([plain(before), Buffer.from(canary.value), plain(after)]))
          const stream = Buffer.concat([outside, secret, outside])
          return found(stream, pieces).includes(`${placeName(canary.place)} ${encoding}`)
        },
      ),
      { numRuns: 150 },
    )
    t.pass(encoding)
  }
})

t.test('nothing is found where nothing is: random octets, and what is only like a canary', async t => {
  fc.assert(
    fc.property(octets(4_000), sizes, (stream, pieces) => found(stream, pieces).length === 0),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...decoys.canaries), fc.nat(), sizes, ({ value, anchors }, at, pieces) => {
      // One character in the middle of each anchor is another one.
      let changed = value
      for (const anchor of anchors) {
        const place = value.indexOf(anchor) + 4 + (at % 4)
        changed = `${changed.slice(0, place)}-${changed.slice(place + 1)}`
      }
      return writers.every(([, write]) => found(write(Buffer.from(changed)), pieces).length === 0)
    }),
    { numRuns: 100 },
  )
  t.pass('held')
})

t.test('Matcher: tells what a plain search tells, for any patterns over few letters', async t => {
  const few = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom(97, 98), { minLength, maxLength }).map(bytes => Buffer.from(bytes))
  const [canary] = decoys.canaries
  if (canary === undefined) throw new Error('no canary')
  fc.assert(
    fc.property(fc.array(few(4, 9), { minLength: 1, maxLength: 12 }), few(0, 300), (texts, stream) => {
      const patterns = texts.map(bytes => ({ bytes, canary, encoding: 'as it is' as const }))
      let told = 0
      new Matcher(patterns).find(stream, () => (told += 1))
      let expected = 0
      for (const { bytes } of patterns)
        for (let at = stream.indexOf(bytes); at !== -1; at = stream.indexOf(bytes, at + 1)) expected += 1
      return told === expected
    }),
    { numRuns: 2_000 },
  )
  t.throws(() => new Matcher([]), RangeError)
  t.throws(() => new Matcher([{ bytes: Buffer.from('abc'), canary, encoding: 'hex' }]), RangeError)
})
