import fc from 'fast-check'
import t from 'tap'
import { addressFromBytes, bytesOf, parseAddress } from '../../../gateway/net/address.ts'
import { blockOf, contains, lastOf, parseCidr, renderCidr } from '../../../gateway/net/cidr.ts'

const cases: readonly [string, string, string | undefined][] = [
  ['a block', '10.20.0.0/16', '10.20.0.0/16'],
  ['an address is a block of one', '203.0.113.7', '203.0.113.7'],
  ['a /32 is written as an address', '203.0.113.7/32', '203.0.113.7'],
  ['bits beyond the prefix are cleared', '10.20.30.40/16', '10.20.0.0/16'],
  ['everything', '0.0.0.0/0', '0.0.0.0/0'],
  ['IPv6', '2001:DB8:1::/32', '2001:db8::/32'],
  ['N2: an IPv4-mapped block is an IPv4 block', '::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['N2: an IPv4-mapped block wider than the mapping is refused', '::ffff:10.0.0.0/64', undefined],
  ['a prefix over 32 is refused', '10.0.0.0/33', undefined],
  ['a prefix over 128 is refused', '2001:db8::/129', undefined],
  ['a prefix with a leading zero is refused', '10.0.0.0/08', undefined],
  ['an empty prefix is refused', '10.0.0.0/', undefined],
  ['two prefixes are refused', '10.0.0.0/8/8', undefined],
  ['a netmask is refused', '10.0.0.0/255.0.0.0', undefined],
  ['a name is refused', 'example.com', undefined],
]
for (const [name, raw, expected] of cases) {
  t.test(`parseCidr(): ${name}`, async t => {
    const cidr = parseCidr(raw)
    t.equal(cidr === undefined ? undefined : renderCidr(cidr), expected)
  })
}

const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))

t.test('contains(): a block holds its ends and what differs only beyond the prefix, and nothing else', async t => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(), (raw, anyPrefix, anyBit) => {
      const address = addressFromBytes(raw)
      if (address === undefined) return false
      const own = bytesOf(address)
      const prefix = anyPrefix % (own.length * 8 + 1)
      const bit = anyBit % (own.length * 8)
      const flipped = addressFromBytes(
        own.map((byte, index) => (index === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte)),
      )
      const block = blockOf(address, prefix)
      if (flipped === undefined || flipped.includes(':') !== address.includes(':')) return true
      const ends = contains(block, block.base) && contains(block, lastOf(block)) && contains(block, address)
      return ends && contains(block, flipped) === bit >= prefix
    }),
    { numRuns: 2_000 },
  )
  t.pass('held for every generated block')
})

t.test('contains(): the families never mix', async t => {
  const everything = parseCidr('::/0')
  const v4 = parseAddress('10.0.0.1')
  t.ok(everything !== undefined && v4 !== undefined && !contains(everything, v4))
})
