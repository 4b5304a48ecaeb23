import { createHash } from 'node:crypto'
import t from 'tap'
import { purlOf } from '../../../gateway/packages/purl.ts'
import { recognise } from '../../../gateway/packages/recognise.ts'
import { normalVersion } from '../../../gateway/packages/registries/nuget-version.ts'
import { Rig } from './rig.ts'
import { fields } from './seen.ts'

const targets: readonly [target: string, kind: string | undefined, purl?: string][] = [
  ['/api/v2/package/Foo/1.0.0', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/API/V2/Package/Foo/1.0.0', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/api/v2/package/Foo/1.0.0/', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/api/v2/package/Foo%20/%201', 'artifact', 'pkg:nuget/Foo@1'],
  ['/api/v2/Package/Foo', 'artifact', 'pkg:nuget/Foo'],
  ['/api/v4/projects/1/packages/nuget/v2/package/Foo/', 'artifact', 'pkg:nuget/Foo'],
  ['/artifactory/api/nuget/feed/Download/Foo/1.0.0', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/artifactory/api/nuget/v2/feed/Download/Foo/1.0.0', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ["/api/v2/Packages(Id='Foo',Version='1.0.0')/$value", 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ["/api/v2/packages(version='1.0.0',id='Foo')/$VALUE", 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/org/_packaging/feed/nuget/v2?id=Foo&version=1.0.0', 'artifact', 'pkg:nuget/Foo@1.0.0'],
  ['/org/p/_packaging/feed@Release/NuGet/V2/?Version=1.0.0-Beta&ID=Foo', 'artifact', 'pkg:nuget/Foo@1.0.0-Beta'],
  ['/org/_packaging/feed/nuget/v2?id=Foo', 'artifact', 'pkg:nuget/Foo'],
  ['/org/_packaging/feed/nuget/v2?id=Foo&version=', 'artifact', 'pkg:nuget/Foo'],
  ["/api/v2/Packages(Version='1.0',Id='Foo')", 'metadata', 'pkg:nuget/Foo'],
  ["/api/v2/FindPackagesById()?ID='Foo'", 'metadata', 'pkg:nuget/Foo'],
  ["/api/v2/FindPackagesById()?id='Foo%20'", 'metadata', 'pkg:nuget/Foo'],
  ["/api/v2/FindPackagesById(id='Foo')", 'metadata', 'pkg:nuget/Foo'],
  ["/api/v2/Packages?$filter=Id%20eq%20'Foo'", 'metadata', 'pkg:nuget/Foo'],
  ['/api/v2/Packages?$filter=IsLatestVersion&$top=30', undefined],
  ['/api/v2/Packages?%24top=30', undefined],
  ['/org/_packaging/feed/nuget/v2', undefined],
  ['/org/_packaging/feed/nuget/v2?id=Foo&version=newest', undefined],
  ['/v2?id=Foo&version=1.0.0', undefined],
  ['/v2/package/Foo', undefined],
  ['/docs/nuget/download/Foo/1.0.0', undefined],
]

for (const [target, kind, purl] of targets)
  t.test(`recognise(): ${target}`, async t => {
    const [path] = target.split('?')
    const asked = recognise({ path, target, fields: fields({}) }, 'registry.test')
    t.equal(asked?.kind, kind)
    t.equal(asked && purlOf(asked), purl)
  })

t.test('a denied package, however its feed is asked for it', async t => {
  const rig = new Rig({ deny: ['pkg:nuget/evil', 'pkg:nuget/half@<2.0.0'] })
  const denied = [
    'V2/Package/evil/1.0.0',
    'v2/package/evil',
    'v2/package/EVIL/1',
    'nuget/v2?id=evil&version=1.0.0',
    'v2/package/half/1',
    'v2/package/half',
  ]
  for (const path of denied)
    t.match(rig.fetch({ url: `https://nuget.test/api/${path}` }, {}).rule, /^packages\.deny/, path)
  t.equal(rig.fetch({ url: 'https://nuget.test/api/v2/package/half/2.0.0' }, {}).rule, undefined)
})

/** Of Azure DevOps: every file is at one path, and its query says which it is. */
const azure = 'https://pkgs.test/org/_packaging/feed/nuget/v2'

function entry(id: string, version: string, body: string): string {
  const hash = createHash('sha512').update(body).digest('base64')
  return `<entry><id>${azure}/Packages(Id='${id}',Version='${version}')</id><content type="application/zip" src="${azure}?id=${id}&amp;version=${version}" /><m:properties><d:Version>${version}</d:Version><d:PackageHash>${hash}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm><d:Published m:type="Edm.DateTime">2024-01-02T03:04:05</d:Published></m:properties></entry>`
}

t.test('a feed of Azure DevOps', async t => {
  const rig = new Rig({ minimumAgeDays: 7, unknownAge: 'deny' })
  const feed = `<?xml version="1.0"?><feed>${entry('Foo', '1.0.0', 'foo one')}${entry('Foo', '2.0', 'foo two')}</feed>`
  rig.fetch({ url: `${azure}/FindPackagesById()?id='Foo'` }, { body: feed })
  const published = '2024-01-02T03:04:05.000Z'
  for (const [query, version, body] of [
    ['id=Foo&version=1.0.0', '1.0.0', 'foo one'],
    ['id=Foo&version=2.0', '2.0', 'foo two'],
    ['version=2.0.0&id=foo', '2.0.0', 'foo two'],
  ] as const) {
    const found = rig.fetch({ url: `${azure}?${query}` }, { body })
    t.match(found.details?.['purl'], new RegExp(`^pkg:nuget/foo@${RegExp.escape(version)}$`, 'i'))
    t.match(found, { rule: undefined, details: { promise: 'kept', published, ageFrom: 'version' } })
  }
  t.same(rig.alarms, [])
  t.match(rig.fetch({ url: `${azure}?id=Foo&version=1.0.0` }, { body: 'foo two' }), {
    rule: 'packages: digest of pkg:nuget/Foo@1.0.0',
  })
  t.match(rig.fetch({ url: `${azure}?id=Bar&version=3.0.0` }, { body: 'bar' }), { rule: 'packages.unknownAge' })
  t.same(rig.kinds, ['digest-mismatch', 'package-age-unknown'])
})

t.test('a package that no feed has described is not held to what was said of another', async t => {
  const rig = new Rig()
  rig.fetch({ url: `${azure}/FindPackagesById()?id='Foo'` }, { body: `<feed>${entry('Foo', '1.0.0', 'one')}</feed>` })
  t.match(rig.fetch({ url: `${azure}?id=Bar&version=3.0.0` }, { body: 'bar' }), {
    rule: undefined,
    details: { purl: 'pkg:nuget/Bar@3.0.0', promise: 'none' },
  })
  t.same(rig.alarms, [])
})

t.test('a collection of packages that is no index of Debian', async t => {
  const rig = new Rig()
  const body = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"></feed>'
  for (const query of ['', "?$filter=Id%20eq%20'Foo'", '?$top=30'])
    rig.fetch({ url: `https://gallery.test/api/v2/Packages${query}` }, { body })
  t.same(rig.alarms, [])
  rig.fetch({ url: 'https://gallery.test/api/v2/Packages' }, { body: '<html></html>' })
  t.same(rig.kinds, ['package-unread'])
})

t.test('normalVersion()', async t => {
  const forms = ['1', '1.0', '01.00', '1.0.0', '1.0.0.0', '1.0.0+build'].map(normalVersion)
  t.same(new Set(forms), new Set(['1.0.0']))
  t.equal(normalVersion('1.2.3.04-Beta.1+x'), '1.2.3.4-beta.1')
  t.equal(normalVersion('Word'), 'word')
})
