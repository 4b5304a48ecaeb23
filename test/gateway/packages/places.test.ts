import t from 'tap'
import type { Asked } from '../../../gateway/packages/asked.ts'
import { type Place, Places } from '../../../gateway/packages/places.ts'
import { Rig } from './rig.ts'

const base = 'https://files.test/'
const npmHead = { accept: 'application/vnd.npm.install-v1+json' }

function place(version: string | undefined, more: Partial<Asked> = {}): Place {
  return { registry: 'npm.test', asked: { kind: 'artifact', ecosystem: 'npm', name: 'lib', version, ...more } }
}

t.test('the query is a part of an address', async t => {
  const places = new Places(10)
  t.equal(places.learn('/get?id=lib&v=1', base, place('1.0.0')), undefined)
  t.equal(places.learn('https://files.test/get?id=lib&v=2#x', base, place('2.0.0')), undefined)
  t.equal(places.of('https://files.test/get?id=lib&v=1')?.asked.version, '1.0.0')
  t.equal(places.of('https://files.test/get?id=lib&v=2')?.asked.version, '2.0.0')
  for (const other of ['get', 'get?id=other&v=1', 'get?id=lib', 'else?id=lib&v=1'])
    t.equal(places.of(`${base}${other}`), undefined, other)
})

t.test('what a client adds to an address makes no other of it', async t => {
  const places = new Places(10)
  places.learn('/x.tgz', base, place('1.0.0'))
  t.equal(places.of('https://files.test/x.tgz?signature=y')?.asked.version, '1.0.0')
})

t.test('an address with other escapes is the same', async t => {
  const places = new Places(10)
  places.learn('/a%7eb%2fc?s=%7e%2f', base, place('1.0.0'))
  t.ok(places.of('https://files.test/a~b%2Fc?s=~%2F'))
  t.equal(places.of('https://files.test/a~b/c?s=~%2F'), undefined)
  t.equal(places.of('https://files.test/a~b%2Fc?s=~/'), undefined)
})

t.test('an address that is named for two files is nobody’s, which is told once', async t => {
  for (const other of [
    place('2.0.0'),
    place('1.0.0', { name: 'other' }),
    place('1.0.0', { kind: 'metadata' }),
    place('1.0.0', { key: 'b' }),
    place('1.0.0', { qualifiers: { tag: 'b' } }),
  ]) {
    const places = new Places(10)
    const first = place('1.0.0', { key: 'a', qualifiers: { tag: 'a' } })
    const second = { ...other, asked: { key: 'a', ...other.asked, qualifiers: other.asked.qualifiers ?? { tag: 'a' } } }
    places.learn('/x?secret', base, first)
    t.equal(places.learn('/x?secret', base, first), undefined)
    t.same(places.learn('/x?secret', base, second), { address: 'https://files.test/x', places: [first, second] })
    t.equal(places.learn('/x?secret', base, second), undefined)
    t.equal(places.learn('/x?secret', base, first), undefined)
    t.equal(places.of('https://files.test/x?secret'), undefined)
  }
})

t.test('two names for one file', async t => {
  const blob = { kind: 'part', ecosystem: 'oci', digests: { sha256: 'a'.repeat(64) } } as const
  const nuget = { ecosystem: 'nuget' } as const
  const deb = { ecosystem: 'deb' } as const
  const pairs: readonly (readonly [Place, Place, string | undefined])[] = [
    [place(undefined, { ...blob, name: 'one' }), place(undefined, { ...blob, name: 'two' }), undefined],
    [place('1.0', nuget), place('01.0.0.0+x', { ...nuget, name: 'LIB' }), '01.0.0.0+x'],
    [place('1.0.0', nuget), place(undefined, nuget), '1.0.0'],
    [place(undefined, nuget), place('1.0.0', nuget), '1.0.0'],
    [place('1:1.0-1', { ...deb, key: 'a' }), place('1.0-1', { ...deb, key: 'b' }), '1.0-1'],
  ]
  for (const [first, second, version] of pairs) {
    const places = new Places(10)
    places.learn('/x', base, first)
    t.equal(places.learn('/x', base, second), undefined)
    t.equal(places.of('https://files.test/x')?.asked.version, version)
    t.ok(places.of('https://files.test/x'))
  }
})

t.test('what was named first is forgotten first', async t => {
  const places = new Places(2)
  for (const path of ['/a', '/b', '/a', '/c']) places.learn(path, base, place('1.0.0'))
  t.same(
    ['a', 'b', 'c'].map(path => places.of(`${base}${path}`) !== undefined),
    [true, false, true],
  )
  t.equal(places.learn('http://[', base, place('1.0.0')), undefined)
  t.equal(places.of('no address'), undefined)
})

t.test('metadata that gives two versions one address, and a registry that redirects two packages to one', async t => {
  const rig = new Rig()
  const dist = { shasum: 'a'.repeat(40), tarball: 'https://cdn.test/get' }
  const versions = { '1.0.0': { dist }, '2.0.0': { dist } }
  rig.fetch({ url: 'https://npm.test/lib', fields: npmHead }, { body: JSON.stringify({ versions }) })
  t.match(rig.alarms, [
    {
      kind: 'package-unread',
      subject: 'pkg:npm/lib@2.0.0',
      note: /^https:\/\/cdn\.test\/get was named for pkg:npm\/lib@1\.0\.0 \(by npm\.test\) and for pkg:npm\/lib@2\.0\.0 \(by npm\.test\): /,
    },
  ])
  t.same(rig.fetch({ url: 'https://cdn.test/get' }, { body: 'page' }), {}, 'no package, and not refused')
  for (const name of ['one', 'two', 'three'])
    rig.fetch({ url: `https://npm.test/${name}/-/${name}-1.0.0.tgz` }, { status: 302, fields: { location: '/login' } })
  t.same(rig.fetch({ url: 'https://npm.test/login' }, { body: 'page' }), {})
  t.equal(rig.alarms.length, 2)
})

t.test('two slashes at the beginning of a path are no other host', async t => {
  const rig = new Rig({ internal: [{ scope: 'lib', from: 'npm.test' }] })
  const dist = { shasum: 'a'.repeat(40), tarball: 'https://cdn.test/x.tgz' }
  const versions = { '1.0.0': { dist } }
  rig.fetch({ url: 'https://npm.test/lib', fields: npmHead }, { body: JSON.stringify({ versions }) })
  t.same(rig.fetch({ url: 'https://evil.test//cdn.test/x.tgz' }, { body: 'x' }), {})
  t.match(rig.fetch({ url: 'https://cdn.test/x.tgz' }, { body: 'x' }).details, { registry: 'npm.test' })
})
