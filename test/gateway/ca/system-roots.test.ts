import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { Authority, fingerprintOf } from '../../../gateway/ca/authority.ts'
import { readSystemRoots, wellKnownBundles } from '../../../gateway/ca/system-roots.ts'

const root = new Authority({ job: 'root', lifetimeHours: 1, now: Date.now() })

for (const [family, file] of [
  ['Debian and Alpine', '/etc/ssl/certs/ca-certificates.crt'],
  ['Fedora and RHEL', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem'],
  ['RHEL, where only the old place is there', '/etc/pki/tls/certs/ca-bundle.crt'],
  ['SUSE', '/etc/ssl/ca-bundle.pem'],
] as const) {
  t.test(`readSystemRoots(): finds the roots of ${family}`, async t => {
    const machine = t.testdir()
    mkdirSync(dirname(machine + file), { recursive: true })
    writeFileSync(machine + file, root.certificatePem)
    const { source, certificates } = await readSystemRoots(wellKnownBundles.map(each => machine + each))
    t.equal(source, machine + file)
    t.strictSame(certificates.map(fingerprintOf), [root.fingerprint])
  })
}

t.test('readSystemRoots(): a bundle without a certificate is passed over', async t => {
  const machine = t.testdir({ empty: '# none yet\n', full: root.certificatePem })
  const { source } = await readSystemRoots([`${machine}/empty`, `${machine}/full`])
  t.equal(source, `${machine}/full`)
})

t.test('readSystemRoots(): where the machine has none, Mozilla’s list stands in', async t => {
  const { source, certificates } = await readSystemRoots([`${t.testdir()}/nowhere`])
  t.equal(source, 'node')
  t.ok(certificates.length > 50, `${certificates.length} roots`)
})
