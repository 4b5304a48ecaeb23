import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { element, integer, objectIdentifier, time } from '../../../gateway/ca/der.ts'
import { parsePemCertificates, renderPem } from '../../../gateway/ca/certificate.ts'
import { Authority } from '../../../gateway/ca/authority.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const cases: readonly [string, Uint8Array, string][] = [
  ['a short length is one octet', element(0x04, Buffer.alloc(3, 0xff)), '0403ffffff'],
  ['a length of 128 takes two', element(0x04, Buffer.alloc(128)).subarray(0, 4), '04818000'],
  ['a length of 65536 takes four', element(0x04, Buffer.alloc(65_536)).subarray(0, 5), '0483010000'],
  ['zero is one octet of content', integer(0), '020100'],
  ['128 stays positive', integer(128), '02020080'],
  ['an identifier with arcs of several octets', objectIdentifier('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
  ['Oracle’s trust attribute', objectIdentifier('2.16.840.1.113894.746875.1.1'), '060c6086480186f966adca7b0101'],
  [
    'a time of 2049 is a UTCTime',
    time(Date.UTC(2049, 11, 31, 23, 59, 59)),
    hex(element(0x17, Buffer.from('491231235959Z'))),
  ],
  [
    'a time of 2050 is a GeneralizedTime',
    time(Date.UTC(2050, 0, 1)),
    hex(element(0x18, Buffer.from('20500101000000Z'))),
  ],
]
for (const [name, der, expected] of cases) {
  t.test(`der: ${name}`, async t => {
    t.equal(hex(der), expected)
  })
}

t.test('parsePemCertificates(): gives back what renderPem() wrote, whatever stands between', async t => {
  const der = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() }).certificate
  const text = `# a company root\r\n${renderPem(der)}trailing words\n${renderPem(der).replaceAll('\n', '\r\n')}`
  t.strictSame(parsePemCertificates(text).map(hex), [hex(der), hex(der)])
  t.ok(new X509Certificate(renderPem(der)))
})

t.test('parsePemCertificates(): takes the certificate out of OpenSSL’s TRUSTED form', async t => {
  const der = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() }).certificate
  const trusted = Buffer.concat([der, Buffer.from('300a06082b06010505070301', 'hex')]).toString('base64')
  const text = `-----BEGIN TRUSTED CERTIFICATE-----\n${trusted}\n-----END TRUSTED CERTIFICATE-----\n`
  t.strictSame(parsePemCertificates(text).map(hex), [hex(der)])
})

t.test('parsePemCertificates(): never throws, and never gives more than it was given', async t => {
  fc.assert(
    fc.property(fc.base64String(), fc.string(), (body, noise) => {
      const found = parsePemCertificates(`${noise}-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`)
      return found.every(der => der.length <= (body.length * 3) / 4)
    }),
  )
  t.pass('held for every generated text')
})
