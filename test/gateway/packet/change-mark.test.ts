import fc from 'fast-check'
import t from 'tap'
import { generationIn } from '../../../gateway/packet/change-mark.ts'

const newGeneration = 0x0a0f
const asked = 5

/** struct nlmsghdr and struct nfgenmsg, then attributes. */
function message(type: number, ...attributes: readonly (readonly [type: number, value: Buffer])[]): Buffer {
  const parts = attributes.map(([kind, value]) => {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(4 + value.length, 0)
    head.writeUInt16LE(kind, 2)
    return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)])
  })
  const heads = Buffer.alloc(20)
  heads.writeUInt16LE(type, 4)
  heads.writeUInt32LE(asked, 8)
  return Buffer.concat([heads, ...parts])
}

const id = (value: number): Buffer => Buffer.from([0, 0, value >> 8, value & 255])

t.test('generationIn(): what the kernel says', async t => {
  t.equal(generationIn(message(newGeneration, [1, id(258)]), asked), 258)
  t.equal(
    generationIn(message(newGeneration, [3, Buffer.from('nft\0x')], [1, id(7)]), asked),
    7,
    'behind others, padded',
  )
})

t.test('generationIn(): what is no answer', async t => {
  t.equal(generationIn(message(newGeneration, [1, id(7)]), asked + 1), undefined, 'to another question')
  t.equal(generationIn(message(2, [1, id(7)]), asked), undefined, 'an error')
  t.equal(generationIn(message(newGeneration), asked), undefined)
  t.equal(generationIn(message(newGeneration, [1, Buffer.from([1, 2])]), asked), undefined, 'too short a number')
  t.equal(generationIn(message(newGeneration, [1, id(7)]).subarray(0, 26), asked), undefined, 'cut')
})

t.test('generationIn(): ends, whatever it is given', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      const answer = Buffer.concat([message(newGeneration), bytes])
      const found = generationIn(answer, asked)
      return found === undefined || (found >= 0 && found <= 0xffff_ffff)
    }),
  )
})
