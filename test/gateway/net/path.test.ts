import fc from 'fast-check'
import t from 'tap'
import { climbingPath, loosePath, normalisePath } from '../../../gateway/net/path.ts'

const cases: readonly [string, string, string | undefined][] = [
  ['an ordinary path is itself', '/repos/acme/tool', '/repos/acme/tool'],
  ['the query goes', '/search?q=/../secret', '/search'],
  ['an empty query goes', '/search?', '/search'],
  ['dot segments go', '/a/./b/../c', '/a/c'],
  ['a trailing dot segment leaves a slash', '/a/b/..', '/a/'],
  ['dot segments do not climb over the root', '/../../a', '/a'],
  ['escaped dots are dots', '/a/%2e%2E/b', '/b'],
  ['half-escaped dots are dots', '/a/.%2e/b', '/b'],
  ['unreserved escapes are decoded', '/%7Euser/%41%2D%5f', '/~user/A-_'],
  ['%2f stays an escape, in upper case', '/@acme%2ftool', '/@acme%2Ftool'],
  ['other escapes are written in upper case', '/a%20b%c3%a9', '/a%20b%C3%A9'],
  ['bytes above 127 are escaped', '/caf\u00e9', '/caf%E9'],
  ['characters that no URI holds are escaped', '/{a}|<b>"^`', '/%7Ba%7D%7C%3Cb%3E%22%5E%60'],
  ['three dots are a name', '/.../a', '/.../a'],
  ['empty segments stay', '/a//b', '/a//b'],
  ['a trailing slash stays', '/a/', '/a/'],
  ['dots and an escaped slash: servers disagree', '/acme/..%2F..%2Fother', undefined],
  ['dots and an escaped backslash: servers disagree', '/acme/..%5c..%5cother', undefined],
  ['dots and a path parameter: servers disagree', '/acme/..;/other', undefined],
  ['dots and an escaped semicolon: servers disagree', '/acme/..%3b/other', undefined],
  ['dots after an empty segment: servers disagree', '/acme//../other', undefined],
  ['a parameter without dots is fine', '/acme;v=1/tool', '/acme;v=1/tool'],
  ['an escaped NUL is refused', '/a%00b', undefined],
  ['a NUL is refused', '/a\0b', undefined],
  ['a backslash is refused', '/a\\b', undefined],
  ['a space is refused', '/a b', undefined],
  ['a line end is refused', '/a\r\nHost: other', undefined],
  ['a fragment is refused', '/a#b', undefined],
  ['a dot in two bytes is refused', '/a/%c0%ae%c0%ae/b', undefined],
  ['a slash in two bytes is refused', '/a/..%C0%AFb', undefined],
  ['a dot in three bytes is refused', '/a/%E0%80%AE/b', undefined],
  ['a slash in four bytes, sent as it is, is refused', '/a/..\xf0\x80\x80\xafb', undefined],
  ['letters in two, three and four bytes are left', '/%C3%A9/%E2%82%AC/%F0%9F%99%82', '/%C3%A9/%E2%82%AC/%F0%9F%99%82'],
  ['a broken escape is refused', '/a%2', undefined],
  ['an escape of no hexadecimal is refused', '/a%zz', undefined],
  ['a character that is no byte is refused', '/\u0416', undefined],
  ['what does not begin with a slash is refused', 'a/b', undefined],
  ['nothing is refused', '', undefined],
]
for (const [name, raw, expected] of cases) {
  t.test(`normalisePath(): ${name}`, async t => {
    t.equal(normalisePath(raw), expected)
  })
}

const tangled = fc
  .array(fc.constantFrom('/', '/', '.', '..', '%2e', '%2F', '%5c', ';', 'a', '%41', '%7e', '{', '?', '//', '\u00e9'), {
    maxLength: 14,
  })
  .map(parts => `/${parts.join('')}`)

t.test('normalisePath(): its own result is left as it is', async t => {
  fc.assert(
    fc.property(fc.oneof(tangled, fc.webPath()), raw => {
      const path = normalisePath(raw)
      return path === undefined || normalisePath(path) === path
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated path')
})

t.test('normalisePath(): a path that needs nothing is read like one that does', async t => {
  fc.assert(
    fc.property(fc.oneof(tangled, fc.webPath()), raw => {
      // An escaped letter keeps it from being taken as it is, and means the same.
      const [path = '', ...query] = raw.split('?')
      const escaped = [`${path}/%61`, ...query].join('?')
      return normalisePath(escaped) === normalisePath([`${path}/a`, ...query].join('?'))
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated path')
})

t.test('normalisePath(): no dot segment is left, however a server decodes, splits or cuts', async t => {
  fc.assert(
    fc.property(tangled, raw => {
      const path = normalisePath(raw)
      if (path === undefined) return true
      const views = [path, loosePath(path), path.replace(/%(?:2F|5C)/g, '/'), path.replace(/;[^/]*/g, '')]
      return views.every(view => view.split('/').every(segment => segment !== '..' && segment !== '.'))
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated path')
})

const climbing: readonly [string, string | undefined][] = [
  ['/a/../b?x', '/a/../b'],
  ['/a/%2E%2e/%62', '/a/../b'],
  ['/a/..', '/a/..'],
  ['/a/./b', undefined],
  ['/a/..b', undefined],
  ['/a?/../b', undefined],
]
for (const [raw, path] of climbing) {
  t.test(`climbingPath(): ${raw} is ${path ?? 'no path that climbs'}`, async t => t.equal(climbingPath(raw), path))
}

t.test('loosePath(): what servers may read alike is alike', async t => {
  const views = ['/gists', '/gists/', '//gists', '/%67ists', '/gists;x=1', '/gists%3Bx', '/%2Fgists'].map(raw => {
    const path = normalisePath(raw)
    return path === undefined ? undefined : loosePath(path)
  })
  t.same(new Set(views), new Set(['/gists']))
})
