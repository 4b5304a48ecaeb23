import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Authority, fingerprintOf } from '../../../gateway/ca/authority.ts'
import { writeTrust } from '../../../gateway/ca/bundle.ts'
import { parsePemCertificates } from '../../../gateway/ca/certificate.ts'

const make = (job: string): Authority => new Authority({ job, lifetimeHours: 1, now: Date.now() })
const authority = make('demo')
const [system, company, other] = [make('system'), make('company'), make('other')]
const systemRoots = { source: 'test', certificates: [system.certificate] }

const fingerprints = (file: string): string[] => parsePemCertificates(readFileSync(file, 'utf8')).map(fingerprintOf)

t.test('writeTrust(): the bundle holds system roots, named bundles, extra CAs and ours, each once', async t => {
  const home = t.testdir({
    'company.pem': company.certificatePem,
    'extra.pem': system.certificatePem + other.certificatePem,
  })
  const out = join(home, 'out')
  const written = await writeTrust(out, {
    authority,
    environment: { SSL_CERT_FILE: join(home, 'company.pem'), CURL_CA_BUNDLE: join(home, 'company.pem') },
    extraCa: [join(home, 'extra.pem')],
    systemRoots,
    etc: '/nowhere',
  })
  const expected = [system, company, other, authority].map(one => one.fingerprint)
  t.strictSame(fingerprints(join(out, 'bundle.pem')), expected)
  t.strictSame(fingerprints(join(out, 'ca.crt')), [authority.fingerprint])
  t.equal(written.certificates, 4)
  t.strictSame(written.warnings, [])
  t.equal(written.environment['NODE_EXTRA_CA_CERTS'], join(out, 'bundle.pem'))
})

const settings: readonly [string, string, string][] = [
  ['npm', '.npmrc', 'registry=https://npm.example.com\ncafile=${HOME}/company.pem\n'],
  ['git', '.gitconfig', '[http]\n\tsslCAInfo = ~/company.pem\n'],
  ['pip', '.config/pip/pip.conf', '[global]\ncert = ~/company.pem\n'],
  ['cargo', '.cargo/config.toml', '[http]\ncainfo = "~/company.pem"\n'],
]
for (const [tool, file, text] of settings) {
  t.test(`writeTrust(): a bundle that ${tool}'s own settings name is merged`, async t => {
    const home = t.testdir({ 'company.pem': company.certificatePem })
    mkdirSync(join(home, file, '..'), { recursive: true })
    writeFileSync(join(home, file), text)
    const out = join(home, 'out')
    await writeTrust(out, { authority, environment: { HOME: home }, extraCa: [], systemRoots, etc: '/nowhere' })
    t.ok(fingerprints(join(out, 'bundle.pem')).includes(company.fingerprint))
  })
}

t.test('writeTrust(): the directories of SSL_CERT_DIR are merged', async t => {
  const home = t.testdir({
    certs: { '1.0': company.certificatePem, readme: 'no certificate' },
    more: { a: other.certificatePem },
  })
  const environment = { SSL_CERT_DIR: `${join(home, 'certs')}:${join(home, 'more')}` }
  const out = join(home, 'out')
  await writeTrust(out, { authority, environment, extraCa: [], systemRoots, etc: '/nowhere' })
  const expected = [system, company, other, authority].map(one => one.fingerprint)
  t.strictSame(fingerprints(join(out, 'bundle.pem')), expected)
})

t.test('writeTrust(): a named bundle that is not there is a warning, and ours is still written', async t => {
  const out = join(t.testdir(), 'out')
  const environment = { REQUESTS_CA_BUNDLE: '/nowhere/company.pem', HTTPS_PROXY: 'http://proxy.example.com:3128' }
  const { warnings, environment: changes } = await writeTrust(out, {
    authority,
    environment,
    extraCa: [],
    systemRoots,
    etc: '/nowhere',
  })
  t.equal(warnings.length, 2)
  t.match(warnings[0], /REQUESTS_CA_BUNDLE.*\/nowhere\/company\.pem/)
  t.match(warnings[1], /HTTPS_PROXY/)
  t.strictSame(JSON.parse(readFileSync(join(out, 'env.json'), 'utf8')), changes)
})

t.test('writeTrust(): an extra CA of the policy that holds no certificate is an error', async t => {
  const home = t.testdir({ 'empty.pem': 'nothing here' })
  const sources = { authority, environment: {}, extraCa: [join(home, 'empty.pem')], systemRoots, etc: '/nowhere' }
  await t.rejects(writeTrust(join(home, 'out'), sources), { code: 'CONFIG_INVALID' })
})

t.test('writeTrust(): what spoils a PEM file for other tools is left out', async t => {
  const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'
  const home = t.testdir({ 'company.pem': broken + company.certificatePem })
  const out = join(home, 'out')
  await writeTrust(out, {
    authority,
    environment: { SSL_CERT_FILE: join(home, 'company.pem') },
    extraCa: [],
    systemRoots,
    etc: '/nowhere',
  })
  t.strictSame(
    fingerprints(join(out, 'bundle.pem')),
    [system, company, authority].map(one => one.fingerprint),
  )
})

t.test('writeTrust(): files are readable by all, whatever the umask, and none holds a private key (T13)', async t => {
  const out = join(t.testdir(), 'out')
  const before = process.umask(0o077)
  t.teardown(() => process.umask(before))
  await writeTrust(out, {
    authority,
    environment: {},
    extraCa: [],
    systemRoots,
    etc: '/nowhere',
    mountedAt: '/run/tidegate',
  })
  t.equal(statSync(out).mode & 0o777, 0o755)
  for (const file of ['ca.crt', 'bundle.pem', 'truststore.p12', 'env', 'env.json']) {
    t.equal(statSync(join(out, file)).mode & 0o777, 0o644, file)
    t.notMatch(readFileSync(join(out, file), 'latin1'), /PRIVATE KEY/)
  }
  t.match(readFileSync(join(out, 'env'), 'utf8'), "export SSL_CERT_FILE='/run/tidegate/bundle.pem'")
})

t.test('writeTrust(): a directory that cannot be made is OUT_UNWRITABLE', async t => {
  const home = t.testdir({ file: 'in the way' })
  const sources = { authority, environment: {}, extraCa: [], systemRoots, etc: '/nowhere' }
  await t.rejects(writeTrust(join(home, 'file', 'out'), sources), { code: 'OUT_UNWRITABLE' })
})
