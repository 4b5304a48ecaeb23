import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { inspect } from 'node:util'
import { execa } from 'execa'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { address, hostname } from '../door/fake-job.ts'

const now = Date.UTC(2026, 0, 1, 12)
const authority = new Authority({ job: 'build 7', lifetimeHours: 6, now })
const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
const longName = `${'a'.repeat(60)}.example.com`

t.test('Authority: is an authority of its own, for hours, and of one level', async t => {
  const certificate = new X509Certificate(authority.certificatePem)
  t.equal(certificate.ca, true)
  t.equal(certificate.checkIssued(certificate), true)
  t.equal(certificate.verify(certificate.publicKey), true)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.match(certificate.subject, /^CN=Tidegate [0-9a-f]{8} for job build 7$/)
  t.equal(Date.parse(certificate.validTo) - now, 6 * 3_600_000)
  t.equal(now - Date.parse(certificate.validFrom), 3_600_000)
})

const leaves: readonly [
  string,
  ReturnType<typeof hostname> | ReturnType<typeof address>,
  string | undefined,
  string,
][] = [
  ['a name', hostname('npm.example.com'), 'CN=npm.example.com', 'DNS:npm.example.com'],
  ['a name too long for a common name', hostname(longName), undefined, `DNS:${longName}`],
  ['an IPv4 address', address('203.0.113.7'), undefined, 'IP Address:203.0.113.7'],
  ['an IPv6 address', address('2001:db8::7'), undefined, 'IP Address:2001:DB8:0:0:0:0:0:7'],
]
for (const [what, host, subject, alternative] of leaves) {
  t.test(`issue(): the certificate of ${what} holds for it and for nothing else`, async t => {
    const leaf = new X509Certificate(authority.issue(host, publicKey))
    const issuer = new X509Certificate(authority.certificatePem)
    t.equal(leaf.subject, subject)
    t.equal(leaf.subjectAltName, alternative)
    t.equal(leaf.ca, false)
    t.equal(leaf.checkIssued(issuer), true)
    t.equal(leaf.verify(issuer.publicKey), true)
    t.equal(leaf.checkHost('other.example.com'), undefined)
  })

  t.test(`issue(): OpenSSL accepts the certificate of ${what} under its strict rules`, async t => {
    const directory = t.testdir()
    const fresh = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() })
    writeFileSync(join(directory, 'ca.pem'), fresh.certificatePem)
    writeFileSync(join(directory, 'leaf.pem'), fresh.issue(host, publicKey))
    const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(directory, 'ca.pem')]
    const { exitCode, stderr } = await execa('openssl', [...args, join(directory, 'leaf.pem')], { reject: false })
    t.equal(exitCode, 0, stderr)
  })
}

t.test('issue(): no two certificates share a serial number', async t => {
  const host = hostname('npm.example.com')
  const serials = Array.from({ length: 50 }, () => new X509Certificate(authority.issue(host, publicKey)).serialNumber)
  t.equal(new Set(serials).size, 50)
  t.ok(serials.every(serial => serial.length === 32 && Number.parseInt(serial.slice(0, 2), 16) < 0x80))
})

t.test('Authority: a job with a long name that is not ASCII still gets a subject that is valid', async t => {
  const odd = new Authority({ job: `Ünï\u0000code ${'x'.repeat(200)}`, lifetimeHours: 1, now })
  const { subject } = new X509Certificate(odd.certificatePem)
  t.equal(subject.replace(/^CN=/, '').length, 64)
})

t.test('Authority: its private key does not show when it is logged, spread or serialised (T13)', async t => {
  const shown = [
    inspect(authority, { showHidden: true, depth: 9 }),
    JSON.stringify(authority),
    JSON.stringify(Object.entries(authority)),
  ]
  for (const text of shown) t.notMatch(text, /PRIVATE|privateKey|KeyObject/i)
  const members = [...Object.getOwnPropertyNames(authority), ...Object.getOwnPropertyNames(Authority.prototype)]
  t.strictSame(
    members.toSorted((a, b) => a.localeCompare(b)),
    ['certificate', 'certificatePem', 'constructor', 'fingerprint', 'issue', 'validity'],
  )
})
