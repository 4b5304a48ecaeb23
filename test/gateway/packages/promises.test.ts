import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { Rig } from './rig.ts'

const npmHead = { accept: 'application/vnd.npm.install-v1+json' }
const [mine, other] = [Buffer.from('mine'), Buffer.from('other')]

function digest(algorithm: string, bytes: Buffer, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHash(algorithm).update(bytes).digest(encoding)
}

function packument(bytes: Buffer, tarball: string): string {
  const dist = { integrity: `sha512-${digest('sha512', bytes, 'base64')}`, tarball }
  return JSON.stringify({ versions: { '1.0.0': { dist } } })
}

function index(file: string, bytes: Buffer): string {
  return `Package: lib\nVersion: 1:1.0-1\nArchitecture: all\nFilename: ${file}\nSHA256: ${digest('sha256', bytes)}\n\n`
}

t.test('two npm feeds on one host, each with its own file of the same name', async t => {
  const rig = new Rig()
  for (const [feed, bytes] of [
    ['a', mine],
    ['b', other],
  ] as const) {
    const base = `https://pkgs.test/org/_packaging/${feed}/npm/registry`
    const file = `${base}/@acme/ui/-/ui-1.0.0.tgz`
    rig.fetch({ url: `${base}/@acme%2fui`, fields: npmHead }, { body: packument(bytes, file) })
    t.match(rig.fetch({ url: file }, { body: bytes }).details, { promise: 'kept' })
  }
  t.match(
    rig.fetch({ url: 'https://pkgs.test/org/_packaging/a/npm/registry/@acme/ui/-/ui-1.0.0.tgz' }, { body: other }),
    {
      details: { promise: 'broken' },
    },
  )
  t.match(rig.fetch({ url: 'https://pkgs.test/c/@acme/ui/-/ui-1.0.0.tgz' }, { body: other }).details, {
    promise: 'none',
  })
  t.same(rig.kinds, ['digest-mismatch'])
})

t.test('two Debian archives on one host, and the epoch that a file’s name lacks', async t => {
  const rig = new Rig()
  for (const [archive, bytes] of [
    ['debian/12', mine],
    ['debian/13', other],
  ] as const) {
    const base = `https://apt.test/${archive}`
    const list = gzipSync(index('pool/l/lib_1.0-1_all.deb', bytes))
    t.same(rig.fetch({ url: `${base}/dists/stable/main/binary-amd64/Packages.gz` }, { body: list }).details, {})
    t.match(rig.fetch({ url: `${base}/pool/l/lib_1.0-1_all.deb` }, { body: bytes }).details, {
      purl: 'pkg:deb/debian/lib@1:1.0-1?arch=all',
      promise: 'kept',
    })
  }
  t.same(rig.alarms, [])
})

t.test('an index that is asked for by its digest, and one that cannot be read', async t => {
  const rig = new Rig()
  const folder = 'https://apt.test/debian/dists/stable/main/binary-amd64'
  const xz = Buffer.from('fd377a585a000004', 'hex')
  rig.fetch({ url: `${folder}/Packages.xz` }, { body: xz })
  const file = { url: 'https://apt.test/debian/pool/lib_1.0-1_all.deb' }
  t.match(rig.fetch(file, { body: mine }).details, { promise: 'none' })
  rig.fetch({ url: `${folder}/by-hash/SHA256/${'a'.repeat(64)}` }, { body: index('pool/lib_1.0-1_all.deb', other) })
  t.match(rig.fetch(file, { body: mine }).details, { promise: 'broken' })
})

t.test('a host that says two things of one file promises nothing', async t => {
  const rig = new Rig()
  const line = (bytes: Buffer): string =>
    `${JSON.stringify({ name: 'lib', vers: '1.0.0', cksum: digest('sha256', bytes) })}\n`
  const file = { url: 'https://cargo.test/crates/lib/lib-1.0.0.crate' }
  rig.fetch({ url: 'https://cargo.test/one/3/l/lib' }, { body: line(mine) })
  t.match(rig.fetch(file, { body: mine }).details, { promise: 'kept' })
  rig.fetch({ url: 'https://cargo.test/two/3/l/lib' }, { body: line(other) })
  t.match(rig.fetch(file, { body: mine }).details, { promise: 'none' })
})

t.test('crates.io and rubygems.org: the index and the files are on hosts of their own', async t => {
  const rig = new Rig()
  const line = JSON.stringify({ name: 'serde', vers: '1.0.0', cksum: digest('sha256', mine) })
  rig.fetch({ url: 'https://index.crates.io/se/rd/serde' }, { body: `${line}\n` })
  const crate = { url: 'https://static.crates.io/crates/serde/serde-1.0.0.crate' }
  t.match(rig.fetch(crate, { body: mine }).details, { purl: 'pkg:cargo/serde@1.0.0', promise: 'kept' })
  const info = `---\n1.0.0 |checksum:${digest('sha256', mine)}\n`
  const agent = { 'user-agent': 'bundler/2.6.2 rubygems/3.6.2' }
  rig.fetch({ url: 'https://index.rubygems.org/info/rack', fields: agent }, { body: info })
  t.match(rig.fetch({ url: 'https://rubygems.org/gems/rack-1.0.0.gem' }, { body: other }).details, {
    promise: 'broken',
  })
})

t.test('nuget: the address that a registration names, on another host', async t => {
  const rig = new Rig({ minimumAgeDays: 7 })
  const published = '2026-03-09T00:00:00Z'
  const leaf = {
    packageContent: 'https://globalcdn.test/lib.1.0.0.nupkg',
    catalogEntry: { version: '1.0.0', published },
  }
  rig.fetch(
    { url: 'https://nuget.test/v3/registration5/lib/index.json' },
    { body: JSON.stringify({ items: [{ items: [leaf] }] }) },
  )
  t.match(rig.fetch({ url: 'https://globalcdn.test/lib.1.0.0.nupkg' }, { body: mine }), {
    rule: 'packages.minimumAgeDays 7',
    details: { purl: 'pkg:nuget/lib@1.0.0', registry: 'nuget.test' },
  })
})

t.test('on a port of its own', async t => {
  const rig = new Rig()
  const base = 'https://npm.test:8443'
  rig.fetch({ url: `${base}/lib`, fields: npmHead }, { body: packument(mine, `${base}/lib/-/lib-1.0.0.tgz`) })
  t.same(rig.fetch({ url: `${base}/lib/-/lib-1.0.0.tgz` }, { body: mine }).details, {
    purl: 'pkg:npm/lib@1.0.0',
    sha256: digest('sha256', mine),
    sha512: digest('sha512', mine),
    promise: 'kept',
  })
})
