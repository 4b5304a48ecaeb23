import fc from 'fast-check'
import t from 'tap'
import { isForWorkflow, leastGrants } from '../../../gateway/permissions/least.ts'
import type { Access, Grants } from '../../../gateway/permissions/need.ts'

const read = (name: string): Grants => ({ [name]: 'read' })
const write = (name: string): Grants => ({ [name]: 'write' })

const cases: readonly [string, readonly (readonly Grants[])[], Grants][] = [
  ['nothing is asked for', [], {}],
  ['only what needs nothing', [[{}]], {}],
  ['write includes read', [[read('contents')], [write('contents')], [read('contents')]], write('contents')],
  ['all of a set', [[{ contents: 'write', pages: 'read' }]], { contents: 'write', pages: 'read' }],
  [
    'one of two: the one that is there already',
    [[write('issues'), write('pull-requests')], [write('pull-requests')]],
    write('pull-requests'),
  ],
  ['one of two: the first, when neither is there', [[write('issues'), write('pull-requests')]], write('issues')],
  ['read rather than write', [[write('issues'), read('pull-requests')]], read('pull-requests')],
  [
    'what a workflow can give rather than what it cannot',
    [[read('administration'), write('contents')]],
    write('contents'),
  ],
  [
    'one that serves two',
    [
      [read('a1'), read('checks')],
      [read('checks'), read('b1')],
    ],
    read('checks'),
  ],
]
for (const [name, wants, least] of cases)
  await t.test(`leastGrants(): ${name}`, async t => t.same(leastGrants(wants), least))

await t.test('isForWorkflow(): what `permissions:` of a workflow can hold', async t => {
  t.ok(isForWorkflow('contents', 'write'))
  t.ok(isForWorkflow('models', 'read'))
  t.notOk(isForWorkflow('models', 'write'), 'only read')
  t.notOk(isForWorkflow('administration', 'read'))
  t.notOk(isForWorkflow('toString', 'read'), 'no name of an object of the language')
})

const rank: Readonly<Record<Access, number>> = { read: 1, write: 2, admin: 3 }
const fulfils = (granted: Grants, set: Grants): boolean =>
  Object.entries(set).every(
    ([name, access]) => rank[granted[name] ?? 'read'] >= rank[access] && granted[name] !== undefined,
  )

await t.test('leastGrants(): fulfils every want, and no permission of it can be left out', async t => {
  const set = fc.dictionary(
    fc.constantFrom('actions', 'checks', 'contents', 'issues', 'x'),
    fc.constantFrom<Access>('read', 'write'),
    { maxKeys: 2, minKeys: 1 },
  )
  const wants = fc.array(fc.array(set, { minLength: 1, maxLength: 3 }), { maxLength: 5 })
  fc.assert(
    fc.property(wants, asked => {
      const least = leastGrants(asked)
      const isEnough = (granted: Grants): boolean => asked.every(sets => sets.some(one => fulfils(granted, one)))
      if (!isEnough(least)) return false
      return Object.keys(least).every(
        name => !isEnough(Object.fromEntries(Object.entries(least).filter(([other]) => other !== name))),
      )
    }),
    { numRuns: 500 },
  )
  t.pass('held for every generated list')
})

await t.test('leastGrants(): many alternatives end soon, and are fulfilled', async t => {
  const wants = Array.from({ length: 60 }, (_, at) => [read(`a${at}`), read(`b${at}`), read(`c${at}`)])
  const least = leastGrants(wants)
  t.equal(Object.keys(least).length, 60)
})
