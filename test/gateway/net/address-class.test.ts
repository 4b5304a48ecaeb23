import fc from 'fast-check'
import t from 'tap'
import { type AddressClass, classifyAddress } from '../../../gateway/net/address-class.ts'
import { addressFromBytes, bytesOf, parseAddress } from '../../../gateway/net/address.ts'

const cases: readonly [string, string, AddressClass][] = [
  ['an ordinary address', '8.8.8.8', 'public'],
  ['an ordinary IPv6 address', '2606:4700::1', 'public'],
  ['N2: the unspecified address, which Linux connects to itself', '0.0.0.0', 'unspecified'],
  ['N2: the rest of 0/8', '0.1.2.3', 'unspecified'],
  ['loopback', '127.8.9.1', 'loopback'],
  ['RFC 1918, the first', '10.255.0.1', 'private'],
  ['RFC 1918, the second', '172.31.255.255', 'private'],
  ['just after the second', '172.32.0.0', 'public'],
  ['RFC 1918, the third', '192.168.0.1', 'private'],
  ['N2: CGNAT', '100.64.0.1', 'cgnat'],
  ['just after CGNAT', '100.128.0.0', 'public'],
  ['link-local', '169.254.1.1', 'link-local'],
  ['metadata inside link-local', '169.254.169.254', 'metadata'],
  ['metadata inside public space', '168.63.129.16', 'metadata'],
  ['metadata inside CGNAT', '100.100.100.200', 'metadata'],
  ['metadata over IPv6', 'fd00:ec2::254', 'metadata'],
  ['a virtual address', '198.19.255.255', 'virtual'],
  ['just after the virtual addresses', '198.20.0.0', 'public'],
  ['multicast', '239.1.2.3', 'multicast'],
  ['broadcast', '255.255.255.255', 'broadcast'],
  ['reserved', '250.0.0.1', 'reserved'],
  ['documentation', '203.0.113.9', 'documentation'],
  ['IPv6 documentation', '2001:db8::9', 'documentation'],
  ['IPv6 loopback', '::1', 'loopback'],
  ['IPv6 unspecified', '::', 'unspecified'],
  ['unique local', 'fd12:3456::1', 'private'],
  ['IPv6 link-local', 'fe80::1', 'link-local'],
  ['site-local', 'fec0::1', 'private'],
  ['IPv6 multicast', 'ff02::1', 'multicast'],
  ['IPv6 outside what IANA has opened', '4000::1', 'reserved'],
  ['N2: IPv4-compatible', '::7f00:1', 'reserved'],
  ['N2: IPv4-translated (SIIT)', '::ffff:0:127.0.0.1', 'loopback'],
  ['N2: NAT64 of a public address is public', '64:ff9b::8.8.8.8', 'public'],
  ['N2: NAT64 of loopback is loopback', '64:ff9b::127.0.0.1', 'loopback'],
  ['N2: NAT64 of metadata is metadata', '64:ff9b::169.254.169.254', 'metadata'],
  ['N2: local-use NAT64', '64:ff9b:1::10.0.0.1', 'private'],
  ['N2: local-use NAT64 of a public address is the network’s own', '64:ff9b:1::8.8.8.8', 'private'],
  ['N2: local-use NAT64 with metadata in another place', '64:ff9b:1:a9fe:a9:fe00:808:808', 'private'],
  ['N2: 6to4 of a private address', '2002:c0a8:1::1', 'private'],
  ['N2: Teredo, private client', '2001:0:808:808::f5ff:fffe', 'private'],
  ['N2: Teredo, private server', '2001:0:a00:1::f7f7:f7f7', 'private'],
]
for (const [name, raw, expected] of cases) {
  t.test(`classifyAddress(): ${name}`, async t => {
    const address = parseAddress(raw)
    t.ok(address)
    t.equal(address === undefined ? undefined : classifyAddress(address), expected)
  })
}

t.test('classifyAddress(): N2: every wrapping of an IPv4 address is classified as that address', async t => {
  const wrappings: readonly ((v4: readonly number[]) => readonly number[])[] = [
    v4 => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...v4],
    v4 => [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, ...v4],
    v4 => [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...v4],
    v4 => [0x20, 0x02, ...v4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    v4 => [0x20, 0x01, 0, 0, 8, 8, 8, 8, 0, 0, 0, 0, ...v4.map(byte => byte ^ 0xff)],
  ]
  const specimens = ['10.0.0.1', '127.0.0.1', '169.254.169.254', '100.64.1.1', '224.0.0.1', '198.18.0.1', '8.8.8.8']
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.constantFrom(...specimens)), fc.constantFrom(...wrappings), (raw, wrap) => {
      const plain = parseAddress(raw)
      if (plain === undefined) return false
      const wrapped = addressFromBytes(wrap(bytesOf(plain)))
      return wrapped !== undefined && classifyAddress(wrapped) === classifyAddress(plain)
    }),
    { numRuns: 2_000 },
  )
  t.pass('held for every generated address')
})

t.test('classifyAddress(): N2: two spellings of an address are classified alike', async t => {
  const spellings: readonly [string, string][] = [
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['FD00:0EC2:0:0::254', 'fd00:ec2::254'],
    ['0:0:0:0:0:0:0:1', '::1'],
  ]
  for (const [one, other] of spellings) {
    const [a, b] = [parseAddress(one), parseAddress(other)]
    t.equal(a, b, `${one} is ${other}`)
  }
})
