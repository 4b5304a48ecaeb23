import fc from 'fast-check'
import t from 'tap'
import { purlOf } from '../../../gateway/packages/purl.ts'
import { recognise } from '../../../gateway/packages/recognise.ts'
import { fields } from './seen.ts'

const npmShort = { accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8' }
const npmWhole = { accept: 'application/json', 'user-agent': 'npm/11.0.0 node/v24.0.0 linux x64' }
const bundler = { 'user-agent': 'bundler/2.6.2 rubygems/3.6.2 ruby/3.4.1' }

/** What is asked, with which fields, what it is, its package URL. */
const cases: readonly [path: string, sent: Readonly<Record<string, string>>, kind: string, purl: string | undefined][] =
  [
    ['/left-pad', npmShort, 'metadata', 'pkg:npm/left-pad'],
    ['/@acme%2fui', npmShort, 'metadata', 'pkg:npm/%40acme/ui'],
    ['/@acme/ui', npmWhole, 'metadata', 'pkg:npm/%40acme/ui'],
    ['/artifactory/api/npm/all/@acme%2Fui', npmShort, 'metadata', 'pkg:npm/%40acme/ui'],
    ['/left-pad/1.3.0', npmWhole, 'metadata', 'pkg:npm/left-pad@1.3.0'],
    ['/left-pad/-/left-pad-1.3.0.tgz', {}, 'artifact', 'pkg:npm/left-pad@1.3.0'],
    ['/@acme/ui/-/ui-2.0.0-rc.1.tgz', {}, 'artifact', 'pkg:npm/%40acme/ui@2.0.0-rc.1'],
    ['/repository/npm/@acme/ui/-/ui-2.0.0.tgz', {}, 'artifact', 'pkg:npm/%40acme/ui@2.0.0'],
    ['/simple/Zope.Interface/', {}, 'metadata', 'pkg:pypi/zope-interface'],
    ['/api/pypi/all/simple/requests', {}, 'metadata', 'pkg:pypi/requests'],
    ['/pypi/requests/json', {}, 'metadata', 'pkg:pypi/requests'],
    [
      '/packages/ab/cd/requests-2.32.3-py3-none-any.whl',
      {},
      'artifact',
      'pkg:pypi/requests@2.32.3?file_name=requests-2.32.3-py3-none-any.whl',
    ],
    [
      '/x/numpy-2.1.0-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
      {},
      'artifact',
      'pkg:pypi/numpy@2.1.0?file_name=numpy-2.1.0-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    ],
    [
      '/packages/source/p/python-dateutil-2.9.0.post0.tar.gz',
      {},
      'artifact',
      'pkg:pypi/python-dateutil@2.9.0.post0?file_name=python-dateutil-2.9.0.post0.tar.gz',
    ],
    ['/packages/ab/requests-2.32.3-py3-none-any.whl.metadata', {}, 'part', 'pkg:pypi/requests@2.32.3'],
    ['/maven2/com/acme/lib/core/1.2.3/core-1.2.3.jar', {}, 'artifact', 'pkg:maven/com.acme.lib/core@1.2.3'],
    [
      '/repository/releases/com/acme/core/1.2.3/core-1.2.3-sources.jar',
      {},
      'artifact',
      'pkg:maven/com.acme/core@1.2.3?classifier=sources',
    ],
    [
      '/maven2/com/acme/bom/Oak.RELEASE/bom-Oak.RELEASE.pom',
      {},
      'artifact',
      'pkg:maven/com.acme/bom@Oak.RELEASE?type=pom',
    ],
    ['/maven2/com/acme/core/1.2.3/core-1.2.3.pom', {}, 'artifact', 'pkg:maven/com.acme/core@1.2.3?type=pom'],
    ['/maven2/com/acme/core/1.2.3/core-1.2.3.jar.sha1', {}, 'metadata', 'pkg:maven/com.acme/core@1.2.3'],
    [
      '/artifactory/libs/com/acme/core/2.0-SNAPSHOT/core-2.0-20260101.120000-7.jar',
      {},
      'artifact',
      'pkg:maven/com.acme/core@2.0-SNAPSHOT',
    ],
    ['/maven2/com/acme/core/maven-metadata.xml', {}, 'metadata', 'pkg:maven/com.acme/core'],
    [
      '/v3-flatcontainer/newtonsoft.json/13.0.3/newtonsoft.json.13.0.3.nupkg',
      {},
      'artifact',
      'pkg:nuget/newtonsoft.json@13.0.3',
    ],
    ['/api/v2/package/NUnit/4.0.1', {}, 'artifact', 'pkg:nuget/NUnit@4.0.1'],
    ['/v3/registration5-gz-semver2/nunit/index.json', {}, 'metadata', 'pkg:nuget/nunit'],
    ['/v3-flatcontainer/nunit/index.json', {}, 'metadata', 'pkg:nuget/nunit'],
    ['/github.com/!acme/tool/v2/@v/v2.1.0.zip', {}, 'artifact', 'pkg:golang/github.com/Acme/tool/v2@v2.1.0'],
    ['/golang.org/x/text/@v/v0.20.0.info', {}, 'metadata', 'pkg:golang/golang.org/x/text@v0.20.0'],
    ['/api/go/golang.org/x/text/@v/list', {}, 'metadata', 'pkg:golang/golang.org/x/text'],
    ['/golang.org/x/text/@latest', {}, 'metadata', 'pkg:golang/golang.org/x/text'],
    ['/se/rd/serde', {}, 'metadata', 'pkg:cargo/serde'],
    ['/3/s/syn', {}, 'metadata', 'pkg:cargo/syn'],
    ['/index/2/cc', {}, 'metadata', 'pkg:cargo/cc'],
    ['/api/v1/crates/serde_json/1.0.120/download', {}, 'artifact', 'pkg:cargo/serde_json@1.0.120'],
    ['/crates/serde-big-array/serde-big-array-0.5.1.crate', {}, 'artifact', 'pkg:cargo/serde-big-array@0.5.1'],
    ['/gems/nokogiri-1.16.5-x86_64-linux.gem', {}, 'artifact', 'pkg:gem/nokogiri@1.16.5?platform=x86_64-linux'],
    ['/gems/rack-test-2.1.0.gem', {}, 'artifact', 'pkg:gem/rack-test@2.1.0'],
    ['/info/rack-test', bundler, 'metadata', 'pkg:gem/rack-test'],
    [
      '/v2/library/alpine/manifests/3.20',
      {},
      'artifact',
      'pkg:oci/alpine?repository_url=registry.test%2Flibrary%2Falpine&tag=3.20',
    ],
    [
      `/v2/acme/app/manifests/sha256:${'a'.repeat(64)}`,
      {},
      'artifact',
      `pkg:oci/app@sha256:${'a'.repeat(64)}?repository_url=registry.test%2Facme%2Fapp`,
    ],
    [
      `/v2/acme/app/blobs/sha256:${'b'.repeat(64)}`,
      {},
      'part',
      'pkg:oci/app?repository_url=registry.test%2Facme%2Fapp',
    ],
    [
      '/debian/pool/main/x/xz-utils/xz-utils_5.4.1-0.2_amd64.deb',
      {},
      'artifact',
      'pkg:deb/debian/xz-utils@5.4.1-0.2?arch=amd64',
    ],
    [
      '/ubuntu/pool/main/t/tzdata/tzdata_2024a-0ubuntu1_all.deb',
      {},
      'artifact',
      'pkg:deb/ubuntu/tzdata@2024a-0ubuntu1?arch=all',
    ],
    ['/debian/dists/bookworm/main/binary-amd64/Packages.xz', {}, 'index', undefined],
    [
      '/alpine/v3.20/main/x86_64/busybox-1.36.1-r29.apk',
      {},
      'artifact',
      'pkg:apk/alpine/busybox@1.36.1-r29?arch=x86_64',
    ],
    ['/alpine/v3.20/main/x86_64/APKINDEX.tar.gz', {}, 'index', undefined],
  ]

for (const [path, sent, kind, purl] of cases)
  t.test(`recognise(): ${path}`, async t => {
    const asked = recognise({ path, fields: fields(sent) }, 'registry.test')
    t.equal(asked?.kind, kind)
    t.equal(asked && purlOf(asked), purl)
  })

const nugetTargets: readonly [target: string, purl: string | undefined][] = [
  ['/api/v2/Packages(Id=%27NUnit%27,Version=%274.0.1%27)', 'pkg:nuget/NUnit'],
  ["/api/v2/FindPackagesById()?id='NUnit'&semVerLevel=2.0.0", 'pkg:nuget/NUnit'],
  ['/api/v2/FindPackagesById?id=%27NUnit%27', 'pkg:nuget/NUnit'],
  ["/nuget/Packages()?$filter=(tolower(Id)%20eq%20'nunit')%20and%20IsLatestVersion", 'pkg:nuget/nunit'],
  ["/nuget/Packages()?$filter=(Id%20eq%20'a')%20or%20(Id%20eq%20'b')", undefined],
  ["/api/v2/Search()?searchTerm='nunit'", undefined],
  ['/api/v2/FindPackagesById()?id=nunit', undefined],
  [`/api/v2/FindPackagesById()?id='${'x'.repeat(3_000)}'`, undefined],
  ['/api/v2/FindPackagesById()', undefined],
  ['/api/v2/$metadata', undefined],
]

for (const [target, purl] of nugetTargets)
  t.test(`recognise(): ${target.slice(0, 80)}`, async t => {
    const asked = recognise({ path: target.split('?')[0], target, fields: fields({}) }, 'registry.test')
    t.equal(asked && purlOf(asked, true), purl)
    if (asked !== undefined) t.match(asked, { kind: 'metadata', version: undefined })
  })

/** What other hosts are asked for, and no registry: nothing may be made of it. */
const others: readonly [path: string, sent: Readonly<Record<string, string>>][] = [
  ['/', {}],
  ['/acme/app', { accept: 'application/json' }],
  ['/acme/app/tar.gz/refs/heads/main', { 'user-agent': npmWhole['user-agent'], accept: '*/*' }],
  ['/acme/app/releases/download/1.2.3/app-1.2.3.zip', {}],
  ['/dist/v24.0.0/node-v24.0.0-linux-x64.tar.gz', {}],
  ['/app/1.0/app-1.0.zip', {}],
  ['/info/rack', { 'user-agent': 'curl/8.0' }],
  ['/-/v1/search', npmWhole],
  ['/-/npm/v1/security/advisories/bulk', npmWhole],
  ['/v2/', {}],
  ['/v2/acme/app/tags/list', {}],
  ['/index.json', {}],
  ['/static/app.apk', {}],
  ['/api/users/@v', {}],
  ['/%ff%00/-/x-1.0.0.tgz', {}],
]

for (const [path, sent] of others)
  t.test(`recognise(): nothing in ${path}`, async t => {
    t.equal(recognise({ path, fields: fields(sent) }, 'registry.test'), undefined)
  })

t.test('recognise() and purlOf() never throw, whatever is asked', async t => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '-',
      '@v',
      '@acme',
      '%2f',
      '%',
      'simple',
      'packages',
      'v2',
      'manifests',
      'a-1.0.0.tgz',
      'x.whl',
      'maven2',
      'gems',
    ),
  )
  const path = fc.array(word, { maxLength: 8 }).map(words => `/${words.join('/')}`)
  const sent = fc.constantFrom<Readonly<Record<string, string>>>({}, npmShort, npmWhole, bundler)
  fc.assert(
    fc.property(path, sent, (asked, accept) => {
      const found = recognise({ path: asked, fields: fields(accept) }, 'registry.test')
      if (found === undefined) return
      const purl = purlOf(found)
      if (purl !== undefined && !purl.startsWith(`pkg:${found.ecosystem}/`)) throw new Error(purl)
    }),
    { numRuns: 3_000 },
  )
  t.pass('held')
})
