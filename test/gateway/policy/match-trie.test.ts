import fc from 'fast-check'
import t from 'tap'
import { matchPart } from '../../../gateway/policy/match.ts'
import { PatternTrie } from '../../../gateway/policy/match-trie.ts'
import { containsPattern } from '../../../gateway/policy/match-parts.ts'

/** The plain meaning of a pattern, as slow and as short as it can be said. */
function matchesNaively(pattern: readonly string[], parts: readonly string[], manyMayBeNone: boolean): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return parts.length === 0
  if (first === '**') {
    const least = manyMayBeNone ? 0 : 1
    return (
      parts.some((_, taken) => taken >= least && matchesNaively(rest, parts.slice(taken), manyMayBeNone)) ||
      (parts.length >= least && matchesNaively(rest, [], manyMayBeNone))
    )
  }
  const [part, ...others] = parts
  return part !== undefined && matchesPartNaively(first, part) && matchesNaively(rest, others, manyMayBeNone)
}

function matchesPartNaively(pattern: string, part: string): boolean {
  if (pattern === '*') return part !== ''
  return new RegExp(`^${pattern.split('*').join('.*')}$`).test(part)
}

const part = fc.constantFrom('a', 'b', 'ab', 'aab', '')
const parts = fc.array(part, { maxLength: 5 })
const someParts = fc.array(part, { minLength: 1, maxLength: 5 })
const pattern = fc.array(fc.oneof(part, fc.constantFrom('*', '**', 'a*', '*b', 'a*b', '*a*')), { maxLength: 4 })

t.test('PatternTrie: finds exactly what a naive matcher finds', async t => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), someParts, fc.boolean(), (patterns, looked, manyMayBeNone) => {
      const trie = new PatternTrie<Set<number>>({ manyMayBeNone, empty: () => new Set() })
      for (const [index, one] of patterns.entries()) trie.at(one).add(index)
      const found = trie.matching(looked.join('/'), '/').flatMap(set => [...set])
      const expected = patterns.flatMap((one, index) => (matchesNaively(one, looked, manyMayBeNone) ? [index] : []))
      return found.toSorted((a, b) => a - b).join() === expected.join()
    }),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated set of patterns')
})

t.test('containsPattern(): on a sequence without stars it is the naive matcher', async t => {
  fc.assert(
    fc.property(
      pattern,
      parts,
      fc.boolean(),
      (one, looked, manyMayBeNone) =>
        containsPattern(one, looked, manyMayBeNone) === matchesNaively(one, looked, manyMayBeNone),
    ),
    { numRuns: 5_000 },
  )
  t.pass('held for every generated pattern')
})

t.test('containsPattern(): when it says yes, the outer matches whatever the inner matches', async t => {
  fc.assert(
    fc.property(
      pattern,
      pattern,
      parts,
      fc.boolean(),
      (outer, inner, looked, manyMayBeNone) =>
        !containsPattern(outer, inner, manyMayBeNone) ||
        !matchesNaively(inner, looked, manyMayBeNone) ||
        matchesNaively(outer, looked, manyMayBeNone),
    ),
    { numRuns: 10_000 },
  )
  t.pass('held for every generated pair')
})

t.test('matchPart(): ends at once on a pattern that would keep a backtracking matcher busy for years', async t => {
  t.equal(matchPart(`${'*a'.repeat(30)}*b`, 'a'.repeat(63)), false)
  t.equal(matchPart(`${'*a'.repeat(30)}*b`, `${'a'.repeat(62)}b`), true)
})
