import fc from 'fast-check'
import t from 'tap'
import { Lines } from '../../../gateway/control/lines.ts'

t.test('Lines.push(): the same lines, however the bytes are cut', async t => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map(text => text.replaceAll('\n', ' '))
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (texts, cuts) => {
        const bytes = Buffer.from(texts.map(text => `${text}\n`).join(''))
        const lines = new Lines(1_000)
        const heard: string[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1
          heard.push(...(lines.push(bytes.subarray(at, at + length)) ?? ['too long']))
          at += length
        }
        return JSON.stringify(heard) === JSON.stringify(texts)
      },
    ),
  )
  t.pass('held for every way')
})

t.test('Lines.push(): a line beyond the bound is told, whole or not', async t => {
  t.strictSame(new Lines(4).push(Buffer.from('abc\nde')), ['abc'])
  t.equal(new Lines(4).push(Buffer.from('abcd\n')), undefined)
  t.equal(new Lines(4).push(Buffer.from('abcd')), undefined)
  const slow = new Lines(4)
  t.strictSame(slow.push(Buffer.from('ab')), [])
  t.equal(slow.push(Buffer.from('cd')), undefined)
})
