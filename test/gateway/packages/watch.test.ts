import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { flowLine } from '../../../gateway/record/line-schema.ts'
import { Rig } from './rig.ts'
import { fields, seen, type Sent } from './seen.ts'

const file = Buffer.from('what is in the package')
const sha256 = digest('sha256', file)
const sha512 = digest('sha512', file)

function digest(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

const npmHead = { accept: 'application/vnd.npm.install-v1+json' }

function packument(hex: string, more: object = {}): string {
  const integrity = `sha512-${Buffer.from(hex, 'hex').toString('base64')}`
  return JSON.stringify({
    ...more,
    versions: { '1.0.0': { dist: { integrity, tarball: 'https://cdn.test/f/x.tgz' } } },
  })
}

const metadata: Sent = { url: 'https://npm.test/lib', fields: npmHead }
const tarball: Sent = { url: 'https://npm.test/lib/-/lib-1.0.0.tgz' }

t.test('a file that is what its registry says', async t => {
  const rig = new Rig()
  t.match(rig.fetch(metadata, { body: packument(sha512) }), { details: { describes: 'pkg:npm/lib' } })
  t.same(rig.fetch(tarball, { body: file }).details, { purl: 'pkg:npm/lib@1.0.0', sha256, sha512, promise: 'kept' })
  t.same(rig.alarms, [])
})

t.test('a file that is not', async t => {
  const rig = new Rig()
  rig.fetch(metadata, { body: packument(digest('sha512', Buffer.from('another'))) })
  const { rule, details } = rig.fetch(tarball, { body: file })
  t.equal(rule, 'packages: digest of pkg:npm/lib@1.0.0')
  t.match(details, { promise: 'broken', sha256 })
  t.same(rig.kinds, ['digest-mismatch'])
})

for (const [coding, encode] of [
  ['gzip', gzipSync],
  ['identity', (bytes: Buffer) => bytes],
] as const)
  t.test(`metadata and files coded as ${coding}`, async t => {
    const rig = new Rig()
    const head = { 'content-encoding': coding }
    rig.fetch(metadata, { fields: head, body: encode(Buffer.from(packument(sha512))) })
    t.match(rig.fetch(tarball, { fields: head, body: encode(file) }).details, { sha256, promise: 'kept' })
  })

t.test('at an address that the metadata names, on another host', async t => {
  const rig = new Rig({ internal: [{ scope: 'lib', from: 'npm.test' }] })
  rig.fetch(metadata, { body: packument(sha512) })
  const elsewhere = { url: 'https://cdn.test/f/x.tgz?signature=secret' }
  t.match(rig.fetch(elsewhere, { body: file }), {
    details: { purl: 'pkg:npm/lib@1.0.0', registry: 'npm.test', promise: 'kept' },
  })
  t.same(rig.alarms, [], 'its registry has sent the job there')
})

t.test('where a registry redirects to, more than once', async t => {
  const rig = new Rig({ internal: [{ scope: 'lib', from: 'npm.test' }] })
  rig.fetch(metadata, { body: packument(sha512) })
  rig.fetch(tarball, { status: 302, fields: { location: '/blobs/1' } })
  rig.fetch({ url: 'https://npm.test/blobs/1' }, { status: 307, fields: { location: 'https://store.test/b/1?sig=x' } })
  t.match(rig.fetch({ url: 'https://store.test/b/1?sig=x' }, { body: file }).details, {
    registry: 'npm.test',
    promise: 'kept',
  })
  t.same(rig.alarms, [])
})

t.test('a stranger’s metadata does not speak for another package’s address', async t => {
  const rig = new Rig({ internal: [{ scope: 'own', from: 'npm.test' }] })
  const versions = { '1.0.0': { dist: { shasum: 'a'.repeat(40), tarball: 'https://npm.test/own/-/own-1.0.0.tgz' } } }
  rig.fetch({ url: 'https://public.test/stranger', fields: npmHead }, { body: JSON.stringify({ versions }) })
  t.same(rig.fetch({ url: 'https://npm.test/own/-/own-1.0.0.tgz' }, { body: file }).details, {
    purl: 'pkg:npm/own@1.0.0',
    sha256,
    sha512,
    promise: 'none',
  })
  t.same(rig.alarms, [])
})

t.test('what is not there, not changed, a part, or never whole, has no digest', async t => {
  const rig = new Rig()
  for (const status of [404, 304, 206])
    t.same(rig.fetch(tarball, { status, body: file }).details, { purl: 'pkg:npm/lib@1.0.0' })
  t.same(rig.fetch({ ...tarball, method: 'HEAD' }, {}).details, { purl: 'pkg:npm/lib@1.0.0' })
  const look = rig.watch.request(seen(tarball))
  look?.answered?.(200, fields())
  look?.receiving?.(file)
  t.same(look?.ended?.()?.details, { purl: 'pkg:npm/lib@1.0.0' })
  t.equal(rig.watch.request(seen({ ...metadata, method: 'POST' })), undefined)
})

t.test('an answer that cannot be read is told once, and nothing is held against what comes in', async t => {
  const rig = new Rig()
  for (const body of ['<html>', gzipSync('x').subarray(0, 12)])
    rig.fetch(metadata, { fields: typeof body === 'string' ? {} : { 'content-encoding': 'gzip' }, body })
  t.same(new Set(rig.kinds), new Set(['package-unread']))
  t.match(rig.fetch(tarball, { body: file }).details, { promise: 'none' })
})

t.test('metadata that is too long is not read, nor is a bomb', async t => {
  const rig = new Rig()
  rig.fetch(metadata, { fields: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(64 * 1_048_576)) })
  t.same(rig.alarms, [])
  t.match(rig.fetch(tarball, { body: file }).details, { promise: 'none' })
})

t.test('an age that is known, and one that is not', async t => {
  const rig = new Rig({ minimumAgeDays: 7 })
  t.match(rig.fetch(tarball, { body: file }).details, { age: 'unknown' })
  rig.fetch(metadata, { body: packument(sha512, { modified: '2026-03-09T00:00:00Z' }) })
  t.match(rig.fetch(tarball, { body: file }).details, { age: 'unknown' }, 'changed lately, so any version may be new')
  rig.fetch(metadata, { body: packument(sha512, { time: { '1.0.0': '2026-03-09T00:00:00Z' } }) })
  t.match(rig.fetch(tarball, { body: file }), {
    rule: 'packages.minimumAgeDays 7',
    details: { published: '2026-03-09T00:00:00.000Z' },
  })
  t.same(rig.kinds, ['package-too-young'])
})

t.test('an image: the digest in its address, by its tag the one of its head', async t => {
  const rig = new Rig()
  t.match(rig.fetch({ url: `https://oci.test/v2/acme/app/blobs/sha256:${sha256}` }, { body: file }).details, {
    promise: 'kept',
  })
  t.match(rig.fetch({ url: `https://oci.test/v2/acme/app/blobs/sha256:${'0'.repeat(64)}` }, { body: file }), {
    rule: /^packages: digest/,
  })
  const byTag = { url: 'https://oci.test/v2/acme/app/manifests/1.2' }
  t.match(rig.fetch(byTag, { fields: { 'docker-content-digest': `sha256:${sha256}` }, body: file }).details, {
    purl: `pkg:oci/app@sha256:${sha256}?repository_url=oci.test%2Facme%2Fapp&tag=1.2`,
    promise: 'kept',
  })
})

t.test('a digest that comes after the file (Maven)', async t => {
  const rig = new Rig()
  const url = 'https://repo.test/maven2/com/acme/core/1.0/core-1.0.jar'
  t.match(rig.fetch({ url }, { body: file }).details, { promise: 'none' })
  t.equal(rig.fetch({ url: `${url}.sha1` }, { body: digest('sha1', file) }).rule, undefined)
  t.match(rig.fetch({ url: `${url}.sha1` }, { body: 'f'.repeat(40) }), {
    rule: 'packages: digest of pkg:maven/com.acme/core@1.0',
  })
  t.match(rig.fetch({ url }, { fields: { 'x-checksum-sha256': '0'.repeat(64) }, body: file }), {
    details: { promise: 'broken' },
  })
})

t.test('whatever is asked and answered, nothing is thrown and every fact has its form', async t => {
  const path = fc.constantFrom(
    '/lib',
    '/lib/-/lib-1.0.0.tgz',
    '/simple/lib/',
    '/debian/Packages',
    '/maven2/a/b/1/b-1.jar.sha1',
    '/a.test/m/@v/v1.0.0.info',
    '/li/bs/libs',
    '/v2/a/manifests/1',
  )
  const head = fc.record(
    {
      location: fc.oneof(fc.webUrl(), fc.string()),
      'content-encoding': fc.constantFrom('gzip', 'br', 'zstd', 'x', '', 'identity, gzip'),
      'docker-content-digest': fc.string(),
    },
    { requiredKeys: [] },
  )
  const body = fc.oneof(
    fc.string(),
    fc.json().map(json => `{"versions":{"1.0.0":{"dist":${json}}},"time":${json},"files":${json}}`),
  )
  const exchange = fc.record({ path, head, body, status: fc.constantFrom(200, 200, 302, 206, 404) })
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 6 }), exchanges => {
      const rig = new Rig({ minimumAgeDays: 7, internal: [{ scope: 'l*', from: 'npm.test' }] })
      for (const { path: asked, head: answered, body: sent, status } of exchanges) {
        const { details = {} } = rig.fetch(
          { url: `https://npm.test${asked}`, fields: npmHead },
          { status, fields: answered, body: sent },
        )
        const line = {
          v: 1,
          seq: 0,
          time: '2026-01-01T00:00:00.000Z',
          job: 'j',
          layer: 'http',
          verdict: 'allow',
          reason: 'rule',
          details,
          prev: '0'.repeat(64),
        }
        flowLine.parse(line)
      }
    }),
    { numRuns: 400 },
  )
  t.pass('held')
})
