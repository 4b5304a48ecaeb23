import t from 'tap'
import {
  emptyLock,
  isStable,
  type JobBaseline,
  type Lock,
  mostRecent,
  quietRuns,
} from '../../../gateway/baseline/lock.ts'
import { mergeRuns, type SeenRun } from '../../../gateway/baseline/merge.ts'
import { parseLock } from '../../../gateway/baseline/parse.ts'
import { renderLock, rowPlace } from '../../../gateway/baseline/render.ts'
import { onDay, runOn } from './runs.ts'

function merged(...runs: readonly SeenRun[]): Lock {
  return mergeRuns(emptyLock, runs).lock
}

function build(lock: Lock): JobBaseline {
  const job = lock.jobs.get('build')
  if (job === undefined) throw new Error('no job')
  return job
}

const places = (lock: Lock): readonly string[] =>
  build(lock).rows.map(
    row => `${row.does} ${rowPlace(row)}${row.only === undefined ? '' : ` (${row.only.join()})`} ×${row.runs}`,
  )

t.test('mergeRuns(): a row has the first and the last of its runs, and how many they were', async t => {
  const npm = 'read npm.acme.test:443 /usr/bin/node'
  const lock = merged(runOn(3, [npm, npm]), runOn(1, [npm]), runOn(2, []))
  t.match(build(lock), {
    runs: 3,
    first: onDay(1),
    last: onDay(3),
    rows: [{ first: onDay(1), last: onDay(3), runs: 2 }],
  })
})

const families: readonly (readonly [sentence: string, sightings: readonly string[], rows: readonly string[]])[] = [
  ['one name is itself', ['read cdn1.acme.test:443'], ['read cdn1.acme.test:443 (cdn1.acme.test) ×1']],
  [
    'two names of one number are two names',
    ['read cdn1.acme.test:443', 'read cdn2.acme.test:443'],
    ['read cdn*.acme.test:443 (cdn1.acme.test,cdn2.acme.test) ×2'],
  ],
  [
    'three are a pattern',
    ['read cdn1.acme.test:443', 'read cdn2.acme.test:443', 'read cdn9.acme.test:443'],
    ['read cdn*.acme.test:443 ×3'],
  ],
  ['a made-up name is a pattern at once', ['read 0123456789abcdef.acme.test:443'], ['read *.acme.test:443 ×1']],
  [
    'where anyone has a name, each is itself',
    [1, 2, 3].map(n => `read acme${n}.blob.core.windows.net:443`),
    [1, 2, 3].map(n => `read acme${n}.blob.core.windows.net:443 ×1`),
  ],
  [
    'below a public suffix too',
    [1, 2, 3].map(n => `read acme${n}.test:443`),
    [1, 2, 3].map(n => `read acme${n}.test:443 ×1`),
  ],
  [
    'a name that is reached needs no row for its question',
    ['ask a.acme.test', 'read a.acme.test:443'],
    ['read a.acme.test:443 ×1'],
  ],
  ['a name that is only asked for has one', ['ask a.acme.test'], ['ask a.acme.test ×1']],
]
for (const [sentence, sightings, rows] of families) {
  t.test(`mergeRuns(): ${sentence}`, async t => {
    t.strictSame(places(merged(...sightings.map((text, index) => runOn(index + 1, [text])))), rows)
  })
}

t.test('mergeRuns(): a pattern written by hand takes in what it stands for', async t => {
  const shared = merged(runOn(1, ['write acme1.blob.core.windows.net:443 /usr/bin/node']))
  const text = renderLock(shared).replace('acme1.blob', 'acme*.blob')
  const { lock } = mergeRuns(parseLock(text, 'lock'), [
    runOn(2, ['write acme77.blob.core.windows.net:443 /usr/bin/node']),
  ])
  t.strictSame(places(lock), ['write acme*.blob.core.windows.net:443 ×2'])
})

t.test('mergeRuns(): a note stays', async t => {
  const text = renderLock(merged(runOn(1, ['read a.acme.test:443']))).replace(
    'seen: every run',
    'seen: every run, note: "ticket 7: yes"',
  )
  const { lock } = mergeRuns(parseLock(text, 'lock'), [runOn(2, ['read a.acme.test:443'])])
  t.match(renderLock(lock), 'note: "ticket 7: yes" }')
})

t.test('mergeRuns(): runs older than all that are told apart are taken up, and not counted', async t => {
  const many = Array.from({ length: mostRecent + 5 }, (_, index) => runOn(index + 10, ['read a.acme.test:443']))
  const lock = merged(...many)
  t.equal(build(lock).runs, mostRecent + 5, 'together they are counted')
  t.equal(build(lock).recent.length, mostRecent)
  const later = mergeRuns(lock, [runOn(1, ['read b.acme.test:443'])])
  t.match(later, { uncounted: 1, known: 0 })
  t.equal(build(later.lock).runs, mostRecent + 5)
  t.match(places(later.lock), [/a\.acme/, 'read b.acme.test:443 ×1'])
})

t.test('isStable(): after so many runs without anything new', async t => {
  const a = ['read a.acme.test:443']
  const quiet = [1, 2, 3].map(day => runOn(day, a))
  t.equal(quietRuns(build(merged(...quiet))), 2)
  t.notOk(isStable(build(merged(...quiet)), emptyLock))
  const four = merged(...quiet, runOn(4, a))
  t.ok(isStable(build(four), emptyLock))
  t.notOk(isStable(build(four), { ...emptyLock, stableAfter: 4 }))
  t.notOk(isStable(build(merged(...quiet, runOn(4, [...a, 'read b.acme.test:443']))), emptyLock), 'anew')
})

t.test('renderLock(): a run that does what all did changes no line under endpoints', async t => {
  const all = ['read a.acme.test:443 /bin/x', 'write b.acme.test:443']
  const [before, after] = [merged(runOn(1, all)), merged(runOn(1, all), runOn(2, all))].map(lock =>
    renderLock(lock)
      .split('\n')
      .filter(line => line.includes('{ to:')),
  )
  t.strictSame(after, before)
  t.equal(after?.length, 2)
})
