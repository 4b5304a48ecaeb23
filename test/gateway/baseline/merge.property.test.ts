import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Expected } from '../../../gateway/baseline/compare.ts'
import { differences } from '../../../gateway/baseline/differences.ts'
import { emptyLock, type Lock } from '../../../gateway/baseline/lock.ts'
import { mergeRuns } from '../../../gateway/baseline/merge.ts'
import { parseLock } from '../../../gateway/baseline/parse.ts'
import { renderLock } from '../../../gateway/baseline/render.ts'
import { someRuns } from './arbitrary.ts'

const shuffled = someRuns.chain(runs =>
  fc.tuple(fc.constant(runs), fc.shuffledSubarray([...runs], { minLength: runs.length }), fc.nat(runs.length)),
)

t.test('mergeRuns(): the same runs make the same file, in any order and in any number of calls', async t => {
  fc.assert(
    fc.property(shuffled, ([runs, others, cut]) => {
      const once = renderLock(mergeRuns(emptyLock, runs).lock)
      const first = parseLock(renderLock(mergeRuns(emptyLock, others.slice(0, cut)).lock), 'lock')
      return renderLock(mergeRuns(first, others.slice(cut)).lock) === once
    }),
    { numRuns: 400 },
  )
  t.pass('held')
})

t.test('mergeRuns(): what is in it already changes nothing', async t => {
  fc.assert(
    fc.property(shuffled, ([runs, others, some]) => {
      const { lock } = mergeRuns(emptyLock, runs)
      const again = mergeRuns(lock, others.slice(0, some))
      return renderLock(again.lock) === renderLock(lock) && again.known === some
    }),
    { numRuns: 200 },
  )
  t.pass('held')
})

t.test('parseLock(): reads what renderLock() wrote, and it is the same lock', async t => {
  fc.assert(
    fc.property(someRuns, runs => {
      const { lock } = mergeRuns(emptyLock, runs)
      assert.deepEqual(sorted(parseLock(renderLock(lock), 'lock')), sorted(lock))
    }),
    { numRuns: 100 },
  )
  t.pass('held')
})

t.test('differences(): nothing is new in runs that the baseline is made of', async t => {
  fc.assert(
    fc.property(someRuns, runs => differences(mergeRuns(emptyLock, runs).lock, runs).length === 0),
    { numRuns: 200 },
  )
  t.pass('held')
})

t.test('Expected: what no run did is an anomaly, unless it differs only where the baseline cannot tell', async t => {
  fc.assert(
    fc.property(someRuns, runs => {
      const expected = new Expected(mergeRuns(emptyLock, runs).lock, 'build')
      const odd = { transport: 'tcp', host: 'unknown.example.com', port: 443, does: 'read', by: '/bin/x' } as const
      return expected.anomalyOf(odd)?.kind === 'new-host' && !expected.knowsHost(odd.host)
    }),
    { numRuns: 100 },
  )
  t.pass('held')
})

function sorted(lock: Lock): unknown {
  return { ...lock, jobs: [...lock.jobs].toSorted(([a], [b]) => (a < b ? -1 : 1)) }
}
