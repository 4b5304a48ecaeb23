import t from 'tap'
import * as fc from 'fast-check'
import { addressBytes, addressText } from '../lab/address-bytes.ts'
import { dissect } from '../lab/capture/packet.ts'
import { PcapReader, type Frame } from '../lab/capture/pcap.ts'
import { readQuery, writeResponse } from '../lab/dns/message.ts'
import { nameBytes, readName } from '../lab/dns/names.ts'

await t.test('addressText(): is the inverse of addressBytes()', async t => {
  fc.assert(
    fc.property(fc.ipV6(), address => addressBytes(addressText(addressBytes(address))).equals(addressBytes(address))),
  )
  fc.assert(fc.property(fc.ipV4(), address => addressText(addressBytes(address)) === address))
  t.equal(addressText(addressBytes('::ffff:1.2.3.4')), '::ffff:102:304')
})

await t.test('readName(): reads what nameBytes() wrote, and never throws', async t => {
  fc.assert(fc.property(fc.domain(), name => readName(nameBytes(name), 0)?.text === name))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), bytes => (readName(bytes, 0), true)))
  t.equal(readName(Buffer.from([0xc0, 0]), 0), undefined, 'a name that points at itself')
  t.equal(readName(Buffer.from([3, 0x61, 0x2e, 0, 0]), 0)?.text, 'a\\046\\000', 'a dot and a NUL inside a label')
})

await t.test('readQuery(): never throws, and what it reads can be answered', async t => {
  const header = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      for (const message of [Buffer.from(bytes), Buffer.concat([header, bytes])]) {
        const query = readQuery(message)
        if (query !== undefined) writeResponse(query, { rcode: 'NXDOMAIN', answers: [], authority: [] }, 512)
      }
      return true
    }),
  )
  t.pass('held')
})

await t.test('dissect(): never throws', async t => {
  const headers = ['0800', '86dd', '0806', '1234'].map(type => Buffer.from(`020000000001020000000002${type}`, 'hex'))
  fc.assert(
    fc.property(fc.constantFrom(...headers), fc.uint8Array({ maxLength: 120 }), (header, rest) => {
      dissect({ timeMs: 0, wireLength: 0, bytes: Buffer.concat([header, rest]) })
      return true
    }),
  )
  t.pass('held')
})

await t.test('PcapReader: reads the same frames however the stream is cut', async t => {
  const stream = Buffer.concat([fileHeader(), record('one'), record(''), record('three')])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 })), cuts => {
      const frames: Frame[] = []
      const reader = new PcapReader(frame => frames.push(frame))
      let at = 0
      for (const cut of cuts) reader.push(stream.subarray(at, (at += cut)))
      reader.push(stream.subarray(at))
      return frames.map(({ bytes }) => bytes.toString()).join('|') === 'one||three'
    }),
  )
  t.throws(() => new PcapReader(() => {}).push(Buffer.alloc(24)))
})

function fileHeader(): Buffer {
  return Buffer.concat([Buffer.from('d4c3b2a1', 'hex'), Buffer.alloc(20)])
}

function record(text: string): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(text.length, 8)
  header.writeUInt32LE(text.length, 12)
  return Buffer.concat([header, Buffer.from(text)])
}
