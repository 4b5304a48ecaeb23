import t from 'tap'
import { dateOfFile, publicationOf } from '../../../gateway/packages/age.ts'
import type { Asked, Ecosystem } from '../../../gateway/packages/asked.ts'
import { fields } from './seen.ts'

const file = (ecosystem: Ecosystem): Asked => ({ kind: 'artifact', ecosystem, name: 'lib', version: '1.0.0' })
const facts = { digests: {}, version: undefined, publishedAt: undefined, publishedBefore: undefined, came: undefined }
const date = (text: string, ecosystem: Ecosystem = 'npm', host = 'npm.test') =>
  dateOfFile(file(ecosystem), host, fields({ 'last-modified': text }))

t.test('dateOfFile(): an IMF-fixdate of a time at which there were registries', async t => {
  t.same(date('Tue, 10 Feb 2026 08:00:00 GMT'), { time: Date.parse('2026-02-10T08:00:00Z'), isPublication: false })
  const others = ['', 'yesterday', '2026-02-10', 'Tue, 10 Feb 2026 08:00:00 +0100', 'Tue, 99 Feb 2026 08:00:00 GMT']
  for (const text of [...others, 'Sat, 26 Oct 1985 08:15:00 GMT', 'Thu, 01 Jan 1970 00:00:00 GMT'])
    t.equal(date(text), undefined, text)
  t.equal(dateOfFile(file('npm'), 'npm.test', fields()), undefined)
})

t.test('dateOfFile(): only where files are stored when they are published', async t => {
  const now = 'Tue, 10 Feb 2026 08:00:00 GMT'
  for (const ecosystem of ['golang', 'oci', 'deb', 'apk'] as const) t.equal(date(now, ecosystem), undefined, ecosystem)
  for (const [ecosystem, host] of [
    ['npm', 'registry.npmjs.org'],
    ['pypi', 'files.pythonhosted.org'],
    ['maven', 'repo1.maven.org'],
    ['cargo', 'static.crates.io'],
    ['gem', 'rubygems.org'],
    ['nuget', 'api.nuget.org'],
  ] as const) {
    t.match(date(now, ecosystem, host), { isPublication: true })
    t.match(date(now, ecosystem, `mirror.${host}`), { isPublication: false }, 'a mirror is another host')
  }
  t.match(date(now, 'maven', 'registry.npmjs.org'), { isPublication: false })
})

t.test('publicationOf(): the version’s own time, else the earliest by which it was there', async t => {
  const [early, late] = [1_700_000_000_000, 1_800_000_000_000]
  const of = (told: object, fileTime?: number, isPublication = false, ecosystem: Ecosystem = 'npm') =>
    publicationOf(
      file(ecosystem),
      { ...facts, ...told },
      fileTime === undefined ? undefined : { time: fileTime, isPublication },
    )
  t.equal(of({}), undefined)
  t.equal(publicationOf(file('npm'), undefined, undefined), undefined)
  t.same(of({ publishedAt: late, publishedBefore: early }, early), { time: late, isBound: false, from: 'version' })
  t.same(of({ publishedAt: late }, undefined, false, 'golang'), { time: late, isBound: false, from: 'commit' })
  t.same(of({ publishedBefore: early }), { time: early, isBound: true, from: 'last-change' })
  t.same(of({ publishedBefore: early }, late), { time: early, isBound: true, from: 'last-change' })
  t.same(of({ publishedBefore: late }, early), { time: early, isBound: true, from: 'last-modified' })
  t.same(of({ publishedBefore: late }, early, true), { time: early, isBound: false, from: 'last-modified' })
  t.same(of({ publishedBefore: early }, late, true), { time: early, isBound: false, from: 'last-change' })
})
