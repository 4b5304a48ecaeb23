import fc from 'fast-check'
import t from 'tap'
import { matchesParts } from '../../../../gateway/policy/match-parts.ts'
import { noEvidence } from '../../../../gateway/policy/suggest-evidence.ts'
import { covers, PathTree, sharedGrain, usualGrain } from '../../../../gateway/policy/suggest-paths.ts'

const one = { ...noEvidence(), count: 1 }

function treeOf(paths: readonly string[], grain = usualGrain): PathTree {
  const tree = new PathTree(grain)
  for (const path of paths) tree.add(path, one)
  return tree
}

function matches(pattern: string, path: string): boolean {
  return matchesParts(pattern.slice(1).split('/'), path.slice(1).split('/'), true)
}

const path = fc
  .array(fc.oneof(fc.constantFrom('', 'a', 'b', '1', '1.2.3'), fc.stringMatching(/^[a-z]{1,2}$/)), {
    minLength: 1,
    maxLength: 9,
  })
  .map(segments => `/${segments.join('/')}`)
const paths = fc.array(path, { minLength: 1, maxLength: 80 })

t.test('patterns(): every path that was added matches one', async t => {
  fc.assert(
    fc.property(paths, all => {
      const found = treeOf(all).patterns()
      return all.every(each => found.some(({ pattern }) => matches(pattern, each)))
    }),
  )
  t.pass('held for every generated list')
})

t.test('patterns(): every path is counted once', async t => {
  fc.assert(
    fc.property(paths, all => {
      const counted = treeOf(all)
        .patterns()
        .reduce((sum, { evidence }) => sum + evidence.count, 0)
      return counted === all.length
    }),
  )
  t.pass('held for every generated list')
})

t.test('patterns(): none covers another', async t => {
  fc.assert(
    fc.property(paths, all => {
      const found = treeOf(all).patterns()
      return found.every(left => found.every(right => left === right || !covers(left.pattern, right.pattern)))
    }),
  )
  t.pass('held for every generated list')
})

t.test('absorb(): covers what either tree covers', async t => {
  fc.assert(
    fc.property(paths, paths, (left, right) => {
      const tree = treeOf(left)
      tree.absorb(treeOf(right))
      const found = tree.patterns()
      return [...left, ...right].every(each => found.some(({ pattern }) => matches(pattern, each)))
    }),
  )
  t.pass('held for every generated pair')
})

t.test('covers(): is true only when every matching path matches', async t => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '*', ''), { minLength: 1, maxLength: 4 })
    .chain(segments => fc.boolean().map(open => `/${[...segments, ...(open ? ['**'] : [])].join('/')}`))
  fc.assert(
    fc.property(
      pattern,
      pattern,
      path,
      (wide, narrow, each) => !covers(wide, narrow) || !matches(narrow, each) || matches(wide, each),
    ),
  )
  t.pass('held for every generated pair')
})

t.test('patterns(): owners stay apart where anyone can have an account', async t => {
  const owners = Array.from(
    { length: 40 },
    (_, index) => `/owner${'abcdefghij'[index % 10]}${'klmn'[Math.floor(index / 10)]}/app/x`,
  )
  t.strictSame(
    treeOf(owners)
      .patterns()
      .map(({ pattern }) => pattern),
    ['/**'],
  )
  t.equal(treeOf(owners, sharedGrain).patterns().length, 40)
})

t.test('patterns(): are few, however many paths there are', async t => {
  const all = Array.from(
    { length: 20_000 },
    (_, index) =>
      `/${index % 7 === 0 ? 'x' : 'y'}/${String.fromCodePoint(97 + (index % 8))}/${String.fromCodePoint(97 + ((index >> 3) % 8))}/${String.fromCodePoint(97 + ((index >> 6) % 8))}`,
  )
  t.ok(treeOf(all).patterns().length <= usualGrain.branches)
})
