import t from 'tap'
import { broken, held, type Case, type Finding } from '../../../gateway/attest/case.ts'
import { tryAll, type Tried } from '../../../gateway/attest/try-all.ts'

function caseOf(id: string, action: () => Promise<Finding>, carriedInAudit = false): Case {
  return { id, sentence: id, carriedInAudit, try: action }
}

async function all(cases: readonly Case[], mode: 'audit' | 'block', signal = new AbortController().signal) {
  const list: Tried[] = []
  for await (const tried of tryAll(cases, mode, signal)) list.push(tried)
  return list.map(({ case: { id }, finding }) => ({ id, ...finding }))
}

t.test('tryAll(): in their order, whichever ends first', async t => {
  const slow = Promise.withResolvers<void>()
  const cases = [
    caseOf('N1', async () => {
      await slow.promise
      return held
    }),
    caseOf('N2', async () => {
      slow.resolve()
      return broken('x', 'y')
    }),
  ]
  t.match(await all(cases, 'block'), [
    { id: 'N1', kind: 'held' },
    { id: 'N2', kind: 'broken' },
  ])
})

t.test('tryAll(): what audit carries is not tried there, and is tried in block', async t => {
  let tries = 0
  const one = caseOf(
    'N1',
    async () => {
      tries += 1
      return held
    },
    true,
  )
  t.match(await all([one], 'audit'), [{ kind: 'skipped', why: 'audit carries it' }])
  t.equal(tries, 0)
  t.match(await all([one], 'block'), [{ kind: 'held' }])
  t.equal(tries, 1)
})

t.test('tryAll(): what throws did not hold, and the others are tried', async t => {
  const cases = [caseOf('N1', async () => Promise.reject(new Error('no socket'))), caseOf('N2', async () => held)]
  t.match(await all(cases, 'block'), [{ kind: 'broken', reached: /no socket/ }, { kind: 'held' }])
})

t.test('tryAll(): stopped, nothing more is tried and nothing holds', async t => {
  const found = await all([caseOf('N1', async () => held)], 'block', AbortSignal.abort())
  t.match(found, [{ kind: 'broken' }])
})

t.test('tryAll(): not more than a few at once', async t => {
  let running = 0
  let most = 0
  const cases = Array.from({ length: 40 }, (_, at) =>
    caseOf(`N${at}`, async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise(resolve => setImmediate(resolve))
      running -= 1
      return held
    }),
  )
  t.equal((await all(cases, 'block')).length, 40)
  t.ok(most > 1 && most <= 8, String(most))
})
