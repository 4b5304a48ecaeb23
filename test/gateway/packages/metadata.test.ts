import fc from 'fast-check'
import t from 'tap'
import type { Asked, Ecosystem, Release } from '../../../gateway/packages/asked.ts'
import { registries } from '../../../gateway/packages/recognise.ts'

const sha1 = 'a'.repeat(40)
const sha256 = 'b'.repeat(64)
const sha512 = 'c'.repeat(128)
const sha512InBase64 = Buffer.from(sha512, 'hex').toString('base64')
const sri = `sha512-${sha512InBase64}`
const published = Date.parse('2026-01-02T03:04:05Z')

function read(ecosystem: Ecosystem, body: unknown, asked: Partial<Asked> = {}): readonly Release[] {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const about: Asked = { kind: 'metadata', ecosystem, name: 'lib', ...asked }
  return registries[ecosystem].read?.(about, Buffer.from(text)) ?? []
}

t.test('npm: each version, its digests, its time, where it is', async t => {
  const document = {
    time: { modified: '2026-02-01T00:00:00Z', '1.0.0': '2026-01-02T03:04:05.000Z' },
    versions: {
      '1.0.0': { dist: { shasum: sha1, integrity: sri, tarball: 'https://cdn.test/x.tgz' } },
      '0.9.0': { dist: {} },
    },
  }
  t.match(read('npm', document), [
    {
      key: '1.0.0',
      version: '1.0.0',
      digests: { sha1: undefined, sha512: sha512InBase64 },
      url: 'https://cdn.test/x.tgz',
      publishedAt: published,
    },
    { key: '0.9.0', digests: {}, publishedAt: undefined, publishedBefore: Date.parse('2026-02-01T00:00:00Z') },
  ])
  const short = { modified: '2026-02-01T00:00:00Z', versions: { '1.0.0': { dist: { integrity: `sha1-x ${sri}` } } } }
  t.match(read('npm', short), [
    {
      digests: { sha512: sha512InBase64 },
      publishedAt: undefined,
      publishedBefore: Date.parse('2026-02-01T00:00:00Z'),
    },
  ])
  t.match(read('npm', { version: '1.0.0', dist: { shasum: sha1 } }, { version: '1.0.0' }), [
    { key: '1.0.0', digests: { sha1 } },
  ])
  t.throws(() => read('npm', '<html>'), SyntaxError)
  t.throws(() => read('npm', '"text"'), TypeError)
})

t.test('pypi: files of an index, in JSON and HTML', async t => {
  const file = 'lib-1.0-py3-none-any.whl'
  const found = { key: file, version: '1.0', digests: { sha256 }, qualifiers: { file_name: file } }
  const listed = {
    files: [
      { filename: file, url: `../../f/${file}`, hashes: { sha256 }, 'upload-time': '2026-01-02T03:04:05.000000Z' },
    ],
  }
  t.match(read('pypi', listed), [{ ...found, url: `../../f/${file}`, publishedAt: published }])
  t.match(read('pypi', `<a class="x" href="/f/${file}?a=1&amp;b=2#sha256=${sha256.toUpperCase()}">${file}</a>`), [
    { ...found, url: `/f/${file}?a=1&b=2`, publishedAt: undefined },
  ])
  t.match(
    read('pypi', {
      urls: [{ filename: file, url: 'u', digests: { sha256 }, upload_time_iso_8601: '2026-01-02T03:04:05Z' }],
    }),
    [{ ...found, publishedAt: published }],
  )
  t.same(read('pypi', '<a href="../">up</a><a href="other.txt">x</a>'), [])
  t.throws(() => read('pypi', '{"files": '), SyntaxError)
})

t.test('maven: a digest beside a file, the list of versions', async t => {
  const beside = { key: 'lib-1.0.jar', version: '1.0', qualifiers: { checksum: 'sha1' } }
  t.match(read('maven', `${sha1}  lib-1.0.jar\n`, beside), [{ key: 'lib-1.0.jar', digests: { sha1 } }])
  t.throws(() => read('maven', '<html>not found</html>', beside), TypeError)
  const list =
    '<metadata><versioning><versions><version>1.0</version><version>1.1</version></versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>'
  t.match(read('maven', list), [
    { key: '1.0', publishedBefore: published },
    { key: '1.1', publishedBefore: published },
  ])
  t.same(read('maven', '<metadata/>'), [])
})

t.test('nuget: times of registrations; the year 1900 is none', async t => {
  const leaf = (version: string, time: string): object => ({ catalogEntry: { version, published: time } })
  const document = {
    items: [{ items: [leaf('1.0.0-Beta', '2026-01-02T03:04:05+00:00'), leaf('0.9.0', '1900-01-01T00:00:00+00:00')] }],
  }
  t.match(read('nuget', document), [
    { key: '1.0.0-beta', version: '1.0.0-Beta', publishedAt: published },
    { key: '0.9.0', publishedAt: undefined },
  ])
})

t.test('nuget: the entries of a feed of version 2, of the package that was asked for', async t => {
  const entry = (of: string, version: string, more = ''): string =>
    `<entry><id>https://x.test/api/v2/Packages(Id='${of}',Version='${version}')</id><content type="application/zip" src="https://x.test/api/v2/package/${of}/${version}"/><m:properties><d:Version>${version}</d:Version>${more}</m:properties></entry>`
  const hash = Buffer.alloc(64, 1).toString('base64')
  const said = `<d:PackageHash>${hash}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm><d:Published m:type="Edm.DateTime">2026-01-02T03:04:05</d:Published>`
  const unlisted = '<d:Published m:type="Edm.DateTime">1900-01-01T00:00:00</d:Published>'
  const feed = `<?xml version="1.0"?><feed>${entry('LIB', '1.0.0-Beta', said)}${entry('lib', '0.9.0', unlisted)}${entry('other', '9.0.0', said)}</feed>`
  const releases = read('nuget', feed)
  t.match(releases, [
    {
      key: '1.0.0-beta',
      version: '1.0.0-Beta',
      publishedAt: published,
      digests: { sha512: hash },
      url: 'https://x.test/api/v2/package/LIB/1.0.0-Beta',
    },
    { key: '0.9.0', publishedAt: undefined, digests: { sha512: undefined } },
  ])
  t.equal(releases.length, 2)
  t.strictSame(read('nuget', '<?xml version="1.0"?><feed></feed>'), [])
  t.throws(() => read('nuget', '<!doctype html><title>Sign in</title>'), TypeError)
})

t.test('golang: the time of a version', async t => {
  t.match(read('golang', { Version: 'v1.2.0', Time: '2026-01-02T03:04:05Z' }), [
    { key: 'v1.2.0', publishedAt: published },
  ])
  t.same(read('golang', 'module x.test/y\n\ngo 1.24\n'), [])
})

t.test('cargo: a line for each version', async t => {
  const line = JSON.stringify({ name: 'lib', vers: '1.0.0', cksum: sha256, pubtime: '2026-01-02T03:04:05Z' })
  t.match(read('cargo', `${line}\n`), [{ key: '1.0.0', digests: { sha256 }, publishedAt: published }])
  t.throws(() => read('cargo', '{"name":"lib"}\n'), TypeError)
  t.throws(() => read('cargo', 'not found'), SyntaxError)
})

t.test('gem: a line for each file', async t => {
  const text = `created_at: 2026-01-01T00:00:00Z\n---\n1.0.0 rake:>= 0|checksum:${sha256},ruby:>= 3\n1.0.0-x86_64-linux |checksum:${sha256}\n`
  t.match(read('gem', text), [
    { key: 'lib-1.0.0', version: '1.0.0', digests: { sha256 } },
    { key: 'lib-1.0.0-x86_64-linux', version: '1.0.0', digests: { sha256 } },
  ])
})

t.test('deb: a stanza for each package', async t => {
  const stanza = `Package: lib\nVersion: 1:1.0-2\nArchitecture: amd64\nFilename: pool/l/lib_1.0-2_amd64.deb\nSHA256: ${sha256}\nDescription: x\n SHA256: not this\n`
  t.match(read('deb', `${stanza}\nPackage: other\nVersion: 1\n\n`, { kind: 'index', name: '' }), [
    {
      name: 'lib',
      key: 'pool/l/lib_1.0-2_amd64.deb',
      version: '1:1.0-2',
      digests: { sha256 },
      url: './pool/l/lib_1.0-2_amd64.deb',
    },
  ])
  t.same(read('deb', '\n', { kind: 'index' }), [])
  t.throws(() => read('deb', '<html></html>', { kind: 'index' }), TypeError)
})

t.test('whatever an answer holds, it is read or refused with an Error', async t => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map(json => `{"versions":${json},"files":${json},"items":${json},"time":${json}}`),
  )
  fc.assert(
    fc.property(
      fc.constantFrom<Ecosystem>('npm', 'pypi', 'maven', 'nuget', 'golang', 'cargo', 'gem', 'deb'),
      body,
      (ecosystem, text) => {
        try {
          for (const { key } of read(ecosystem, text))
            if (typeof key !== 'string') throw new TypeError('key', { cause: 'test' })
        } catch (cause) {
          if (!(cause instanceof Error) || cause.cause === 'test') throw cause
        }
      },
    ),
    { numRuns: 2_000 },
  )
  t.pass('held')
})
