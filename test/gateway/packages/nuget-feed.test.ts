import t from 'tap'
import type { Release } from '../../../gateway/packages/asked.ts'
import { nuget } from '../../../gateway/packages/registries/nuget.ts'
import { unescaped, withoutMarks } from '../../../gateway/packages/xml-text.ts'
import { Rig } from './rig.ts'

const hash = Buffer.alloc(64, 251).toString('base64')
const said = `<d:Version>1.0.0</d:Version><d:PackageHash>${hash}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm><d:Published m:type="Edm.DateTime">2024-01-02T03:04:05.67</d:Published>`
const usual = {
  key: '1.0.0',
  version: '1.0.0',
  digests: { sha512: hash },
  publishedAt: Date.parse('2024-01-02T03:04:05.67Z'),
  url: 'https://x.test/api/v2/package/Foo/1.0.0',
}

interface Parts {
  readonly before?: string
  readonly id?: string
  readonly src?: string
  readonly properties?: string
}

function feed({
  before = '',
  id = "http://x.test/api/v2/Packages(Id='Foo',Version='1.0.0')",
  src = `"${usual.url}"`,
  properties = said,
}: Parts): string {
  return `<?xml version="1.0"?><feed><entry>${before}<id>${id}</id><content type="application/zip" src=${src}/><m:properties>${properties}</m:properties></entry></feed>`
}

function read(text: string): readonly Release[] {
  return nuget.read?.({ kind: 'metadata', ecosystem: 'nuget', name: 'foo' }, Buffer.from(text)) ?? []
}

const sameForAll: Readonly<Record<string, Parts>> = {
  'as the gallery writes it': {},
  'a title that looks like a key': { before: "<title>see Packages(Id='other',Version='1')</title>" },
  'quotes as references': { id: 'http://x.test/api/v2/Packages(Id=&apos;Foo&apos;,Version=&#39;1.0.0&#x27;)' },
  'quotes escaped as in addresses': { id: 'http://x.test/api/v2/Packages(Id=%27Foo%27%2CVersion=%271.0.0%27)' },
  'the keys in another order': { id: "http://x.test/api/v2/Packages(Version='1.0.0',Id='Foo')" },
  'a name in a property alone': { id: 'urn:uuid:1', properties: `<d:Id>Foo</d:Id>${said}` },
  'a comment that looks like a property': {
    properties: `<!-- <d:Published>2001-01-01T00:00:00</d:Published> -->${said}`,
  },
  'a section that does': {
    properties: `<d:Description><![CDATA[<d:Version>9.9.9</d:Version> & <entry>]]></d:Description>${said}`,
  },
  'a digest with references': { properties: said.replaceAll('+', '&#43;') },
  'a section as a value': { properties: said.replace('1.0.0<', '<![CDATA[1.0.0]]><') },
  'space around a value': { properties: said.replace('1.0.0<', '\n 1.0.0 <') },
  'single quotes': { src: `'${usual.url}'` },
}

for (const [name, parts] of Object.entries(sameForAll))
  t.test(`an entry: ${name}`, async t => {
    t.same(read(feed(parts)), [usual])
  })

t.test('an entry of another package, whatever its texts are', async t => {
  const other = "http://x.test/api/v2/Packages(Id='other',Version='1.0.0')"
  t.same(read(feed({ id: other, before: "<title>Packages(Id='Foo',Version='1.0.0')</title>" })), [])
  t.same(read(feed({ id: other, before: "<!-- <id>http://x.test/Packages(Id='Foo',Version='1.0.0')</id> -->" })), [])
  t.same(read(feed({ properties: said.replace('>1.0.0<', ' m:null="true"/> <') })), [])
})

t.test('an address with references', async t => {
  t.match(read(feed({ src: '"https://x.test/nuget/v2?id=Foo&amp;version=1.0.0"' })), [
    { url: 'https://x.test/nuget/v2?id=Foo&version=1.0.0' },
  ])
})

t.test('unescaped(): references, and what is none', async t => {
  t.equal(unescaped('&lt;&gt;&quot;&apos;&amp;amp;&#43;&#x2B;'), `<>"'&amp;++`)
  t.equal(unescaped('&nbsp; &#x110000; &#9999999; & &;'), '&nbsp; &#x110000; &#9999999; & &;')
})

t.test('withoutMarks(): what has no end is no text', async t => {
  t.equal(withoutMarks('<!DOCTYPE feed><a><!-- <b> --><![CDATA[<&]]></a>'), '<a>&lt;&amp;</a>')
  for (const text of ['<a><!-- x', '<a><![CDATA[ x', '<a><! x']) t.throws(() => withoutMarks(text), TypeError)
})

/** A look at each from its start to the end of the text would take hours. */
const hostile: readonly [name: string, part: string, fault: RegExp][] = [
  ['entries', '<entry>', /more than 20000 entries/],
  [
    'entries that say something',
    "<entry><id>Packages(Id='foo',Version='1')</id><d:Version>1<",
    /more than 20000 entries/,
  ],
  ['comments', '<!---->', /more than 20000 comments/],
  ['comments without end', '<!--', /has no end/],
  ['sections without end', '<![CDATA[', /has no end/],
]

for (const [name, part, fault] of hostile)
  t.test(`16 MiB of ${name} are no feed`, async t => {
    t.throws(() => read(`<feed>${part.repeat(Math.floor((16 * 1_048_576) / part.length))}`), { message: fault })
  })

t.test('a feed with too many entries says nothing, and what it spoke of is of unknown age', async t => {
  const rig = new Rig({ minimumAgeDays: 7, unknownAge: 'deny' })
  const [entry = ''] = /<entry>.*<\/entry>/.exec(feed({})) ?? []
  const url = "https://x.test/api/v2/FindPackagesById()?id='Foo'"
  rig.fetch({ url }, { body: `<feed>${entry}${'<entry/>'.repeat(20_000)}</feed>` })
  t.match(rig.alarms, [{ kind: 'package-unread', note: /more than 20000 entries/ }])
  t.match(rig.fetch({ url: usual.url }, { body: 'x' }), { rule: 'packages.unknownAge' })
  rig.fetch({ url }, { body: `<feed>${entry}${'<entry/>'.repeat(19_999)}</feed>` })
  t.match(rig.fetch({ url: usual.url }, { body: 'x' }), { rule: 'packages: digest of pkg:nuget/Foo@1.0.0' })
})
