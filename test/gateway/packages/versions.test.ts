import fc from 'fast-check'
import t from 'tap'
import type { Ecosystem } from '../../../gateway/packages/asked.ts'
import { orderOf, readRange } from '../../../gateway/packages/versions/range.ts'

/** Each in ascending order, as the package managers' own documentation and tests have it. */
const ascending: readonly (readonly [Ecosystem, readonly string[]])[] = [
  ['npm', ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-beta', '1.0.0-rc.1', '1.0.0', '1.0.1', '1.10.0', '2.0.0']],
  ['golang', ['v0.0.0-20200101000000-abcdefabcdef', 'v0.1.0', 'v1.0.0-rc.1', 'v1.0.0', 'v2.0.0+incompatible']],
  [
    'pypi',
    [
      '1.0.dev456',
      '1.0a1',
      '1.0a2.dev456',
      '1.0a12.dev456',
      '1.0a12',
      '1.0b1.dev456',
      '1.0b2',
      '1.0b2.post345.dev456',
      '1.0b2.post345',
      '1.0rc1.dev456',
      '1.0rc1',
      '1.0',
      '1.0+abc.5',
      '1.0+abc.7',
      '1.0+5',
      '1.0.post456.dev34',
      '1.0.post456',
      '1.0.15',
      '1.1.dev1',
      '1.10',
      '1!0.1',
    ],
  ],
  [
    'maven',
    ['1-alpha1', '1-beta-2', '1-milestone-3', '1-rc', '1-SNAPSHOT', '1', '1-sp', '1-abc', '1-1', '1.1', '1.2', '1.10'],
  ],
  ['nuget', ['1.0.0-alpha', '1.0.0-alpha.2', '1.0.0-alpha.10', '1.0.0-beta', '1.0', '1.0.0.1', '1.0.1', '1.10.0']],
  ['gem', ['1.0.a', '1.0.b1', '1.0.rc1', '1.0', '1.0.1', '1.9', '1.10']],
  ['deb', ['1.0~~', '1.0~rc1', '1.0', '1.0-1', '1.0-1+b1', '1.0-1.1', '1.0a', '1.0+dfsg', '1.2', '1.10', '1:0.1']],
]

for (const [ecosystem, versions] of ascending)
  t.test(`orderOf(${ecosystem}): each before all that follow it`, async t => {
    const compare = orderOf(ecosystem)
    const wrong = versions.flatMap((a, at) =>
      versions.flatMap((b, other) =>
        Math.sign(compare?.(a, b) ?? Number.NaN) === Math.sign(at - other) ? [] : [`${a} ${b}`],
      ),
    )
    t.same(wrong, [])
  })

const same: readonly [Ecosystem, string, string][] = [
  ['pypi', '1.0', '1.0.0'],
  ['pypi', 'v1.0-RC1', '1.0rc1'],
  ['pypi', '1.0-1', '1.0.post1'],
  ['maven', '1', '1.0.0'],
  ['maven', '1.ga', '1'],
  ['maven', '1.0-alpha-1', '1.0-a1'],
  ['nuget', '1.0', '1.0.0.0'],
  ['nuget', '1.0.0-RC', '1.0.0-rc'],
  ['gem', '1.0', '1.0.0'],
  ['deb', '1.0', '0:1.0-0'],
]

for (const [ecosystem, a, b] of same)
  t.test(`orderOf(${ecosystem}): ${a} is ${b}`, async t => {
    t.equal(orderOf(ecosystem)?.(a, b), 0)
  })

const ranges: readonly [Ecosystem, range: string, inside: readonly string[], outside: readonly string[]][] = [
  ['npm', '<2.0.1', ['1.0.0', '2.0.1-rc.1'], ['2.0.1', '3.0.0']],
  ['npm', '^1.2||3.x', ['1.2.0', '1.9.9', '3.4.5'], ['1.1.0', '2.0.0', '4.0.0']],
  ['npm', '1.2.3', ['1.2.3'], ['1.2.4']],
  ['npm', '>=1.0.0,<1.5.0', ['1.4.9'], ['1.5.0', '0.9.0']],
  ['pypi', '<2.0,>=1.0', ['1.0', '1.9.9'], ['2.0', '0.9']],
  ['pypi', '1.0', ['1.0', '1.0.0'], ['1.0.1']],
  ['maven', '<2.17.1', ['2.17.0', '2.0-beta9'], ['2.17.1', '2.20']],
  ['golang', '<v1.2.0', ['v1.1.9'], ['v1.2.0']],
  ['cargo', '=1.0.0', ['1.0.0'], ['1.0.1']],
  ['deb', '>=5.6.0,<5.6.1+really5.4.5-1', ['5.6.0-0.2', '5.6.1-1'], ['5.4.1-0.2', '5.6.1+really5.4.5-1']],
  ['gem', '<1.0||=2.0', ['0.9', '2.0'], ['1.5', '2.1']],
  ['oci', '1.2', ['1.2'], ['1.3']],
]

for (const [ecosystem, text, inside, outside] of ranges)
  t.test(`readRange(${ecosystem}): ${text}`, async t => {
    const range = readRange(ecosystem, text)
    if (typeof range !== 'function') throw new Error(range.fault)
    t.same(
      inside.filter(version => range(version) !== true),
      [],
    )
    t.same(
      outside.filter(version => range(version) !== false),
      [],
    )
  })

t.test('readRange(): says why a range cannot be read', async t => {
  const bad: readonly [Ecosystem, string][] = [
    ['npm', 'latest'],
    ['pypi', '<not a version'],
    ['pypi', '<'],
    ['cargo', '<1.2'],
    ['cargo', '^1.0.0'],
    ['apk', '<1.0-r1'],
    ['oci', '>=3'],
    ['maven', '[1.0,2.0)'],
  ]
  for (const [ecosystem, text] of bad) t.match(readRange(ecosystem, text), { fault: /./ }, `${ecosystem} ${text}`)
})

t.test('orderOf(): an order is one, whatever is compared', async t => {
  for (const ecosystem of ['pypi', 'maven', 'nuget', 'gem', 'deb'] as const) {
    const compare = orderOf(ecosystem)
    const part = fc.constantFrom('1', '2', '10', '0', '.', '-', '~', '+', 'a', 'rc', 'alpha', 'snapshot', 'post', 'dev')
    const version = fc.array(part, { minLength: 1, maxLength: 6 }).map(parts => `1${parts.join('')}`)
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const [ab, ba, bc, ac] = [compare?.(a, b), compare?.(b, a), compare?.(b, c), compare?.(a, c)]
        if (ab === undefined || bc === undefined || ac === undefined) return true
        if (Math.sign(ab) !== -Math.sign(ba ?? Number.NaN)) return false
        // Maven's own rules make no order of versions with zeros before words (1.0.rc1 < 1 < 1a < 1.0.rc1).
        return ecosystem === 'maven' || !(ab <= 0 && bc <= 0) || ac <= 0
      }),
      { numRuns: 5_000 },
    )
  }
  t.pass('held')
})
