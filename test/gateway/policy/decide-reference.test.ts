import fc from 'fast-check'
import t from 'tap'
import { decide } from '../../../gateway/policy/decide.ts'
import { destination, pathRequest, pathRules, rules } from './arbitrary.ts'
import { decideSlowly } from './reference.ts'
import { name, policyOf, request } from './sample.ts'

const lists = fc.record({
  mode: fc.constantFrom('audit' as const, 'block' as const),
  allow: rules,
  deny: rules,
  forbid: rules,
})

const paths = fc.record({
  mode: fc.constantFrom('audit' as const, 'block' as const),
  allow: pathRules,
  deny: pathRules,
  forbid: pathRules,
})

for (const [what, policies, question] of [
  ['of all rules', lists, destination],
  ['of rules on paths', paths, pathRequest],
] as const) {
  t.test(`decide(): says what a plain reading ${what} says`, async t => {
    fc.assert(
      fc.property(policies, fc.array(question, { minLength: 1, maxLength: 4 }), (policy, questions) => {
        const compiled = policyOf(policy)
        return questions.every(to => {
          const { verdict, reason, rule } = decide(compiled, to)
          return JSON.stringify({ verdict, reason, rule }) === JSON.stringify(decideSlowly(policy, to))
        })
      }),
      { numRuns: 1_000 },
    )
    t.pass('held for every generated policy and question')
  })
}

t.test('decide(): what was asked before changes no answer', async t => {
  fc.assert(
    fc.property(lists, fc.array(destination, { minLength: 1, maxLength: 12 }), (policy, questions) => {
      const used = policyOf(policy)
      const [first, ...repeated] = [used, used, policyOf(policy)].map(one =>
        JSON.stringify(questions.map(to => decide(one, to))),
      )
      return repeated.every(answers => answers === first)
    }),
    { numRuns: 800 },
  )
  t.pass('held for every generated sequence of questions')
})

t.test('decide(): more hosts than are remembered change no answer', async t => {
  const policy = policyOf({
    allow: ['*.a.test', 'GET https://api.test/repos/**'],
    deny: ['x1*.a.test'],
    forbid: ['*7.a.test'],
  })
  const ask = (): string => {
    const verdicts = ['api.test', ...Array.from({ length: 5_000 }, (_, index) => `x${index}.a.test`)].map(
      host => decide(policy, name(host)).reason,
    )
    const path = decide(policy, request('GET https://api.test/repos/a')).verdict
    return [...verdicts, path, decide(policy, request('GET https://api.test/users/a')).verdict].join()
  }
  const first = ask()
  t.match(first, /^rule,rule,denied-by-rule,rule/)
  t.match(first, /allow,deny$/)
  t.equal(ask(), first)
})
