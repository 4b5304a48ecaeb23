import fc from 'fast-check'
import t from 'tap'
import { classFleet, type Fleet } from '../../../gateway/baseline/fleet.ts'
import type { FleetRun } from '../../../gateway/baseline/fleet-runs.ts'
import { renderFleet } from '../../../gateway/baseline/fleet-text.ts'
import { emptyLock, type Lock } from '../../../gateway/baseline/lock.ts'
import { mergeRuns } from '../../../gateway/baseline/merge.ts'
import { onDay, runOn } from './runs.ts'

/** What jobs of a fleet are like: all check out, and each has the registry of its language. */
const needs: Readonly<Record<string, readonly string[]>> = {
  web: ['github.com', 'registry.npmjs.org'],
  shop: ['github.com', 'registry.npmjs.org'],
  model: ['github.com', 'pypi.org'],
  engine: ['github.com', 'index.crates.io'],
  bank: ['github.com', 'repo.maven.apache.org'],
}

function run(job: string, day: number, further: readonly string[] = [], refused = false): FleetRun {
  const start = onDay(day) * 1_000
  const use = (isRefused: boolean) => ({ first: start, by: new Set(['/usr/bin/x']), bytesSent: 10, refused: isRefused })
  const hosts = new Map([
    ...(needs[job] ?? []).map(host => [host, use(false)] as const),
    ...further.map(host => [host, use(refused)] as const),
  ])
  return { job, start, id: `${job}${day}`, hosts }
}

const jobs = Object.keys(needs)
const yesterday = jobs.map(job => run(job, 1))
const options = { lock: undefined, unrelated: 3, withinMs: 86_400_000 }
const told = ({ findings }: Fleet): readonly string[] =>
  findings.map(({ class: kind, host, jobs }) => `${kind} ${host} ${jobs.join()}`)
/** All jobs a day later; these have been to a further host. */
const today = (affected: readonly string[], host: string): readonly FleetRun[] =>
  jobs.map(job => run(job, 2, affected.includes(job) ? [host] : []))

const cases: readonly (readonly [
  sentence: string,
  affected: readonly string[],
  host: string,
  told: readonly string[],
])[] = [
  ['nothing is new', [], 'x.test', []],
  [
    'new in every job, it is infrastructure, once',
    jobs,
    'api.ipify.org',
    ['infrastructure api.ipify.org bank,engine,model,shop,web'],
  ],
  ['new in three kinds of jobs too', ['web', 'model', 'bank'], 'x.test', ['infrastructure x.test bank,model,web']],
  ['new in one job, it is suspicious', ['web'], 'x.test', ['suspicious x.test web']],
  ['new in jobs of one kind, it is suspicious', ['web', 'shop'], 'x.test', ['suspicious x.test shop,web']],
  [
    'known for exfiltration, it is suspicious in any number of jobs',
    jobs,
    'webhook.site',
    ['suspicious webhook.site bank,engine,model,shop,web'],
  ],
  [
    'like a known host, it is suspicious in any number of jobs',
    jobs,
    'gitnub.com',
    ['suspicious gitnub.com bank,engine,model,shop,web'],
  ],
]
for (const [sentence, affected, host, expected] of cases) {
  t.test(`classFleet(): ${sentence}`, async t => {
    const fleet = classFleet([...yesterday, ...today(affected, host)], options)
    t.strictSame(told(fleet), expected)
    t.match(fleet, { jobs: 5, runs: 10, notCompared: [] })
    for (const line of expected) t.match(renderFleet(fleet), line.split(' ')[1] ?? '')
  })
}

t.test('classFleet(): new in just those jobs that share a source, it is suspicious', async t => {
  const shared = 'cdn.example.com'
  const affected = new Set(['web', 'model', 'bank'])
  const all = [1, 2].flatMap(day =>
    jobs.map(job => run(job, day, affected.has(job) ? [shared, ...(day === 2 ? ['x.test'] : [])] : [])),
  )
  const fleet = classFleet(all, options)
  t.strictSame(told(fleet), ['suspicious x.test bank,model,web'])
  t.match(fleet.findings[0]?.note, shared)
})

t.test('classFleet(): not at once is not many', async t => {
  const days = [2, 5, 8]
  const all = days.map((day, index) => run(jobs[index + 2] ?? '', day, ['x.test']))
  t.strictSame(told(classFleet([...yesterday, ...all], options)), [
    'suspicious x.test model',
    'suspicious x.test engine',
    'suspicious x.test bank',
  ])
  t.match(told(classFleet([...yesterday, ...all], { ...options, withinMs: 86_400_000 * 4 })), { length: 1 })
})

t.test('classFleet(): with a baseline, the first run is compared too, and what it knows is not new', async t => {
  const lock: Lock = mergeRuns(emptyLock, [
    runOn(1, ['read github.com:443', 'read registry.npmjs.org:443'], 'web'),
  ]).lock
  const fleet = classFleet([run('web', 1, ['x.test'], true), run('lone', 1)], { ...options, lock })
  t.strictSame(told(fleet), ['suspicious x.test web'])
  t.match(fleet.findings[0], { refused: true, of: 1 })
  t.strictSame(fleet.notCompared, ['lone'])
})

t.test('classFleet(): does not depend on the order of logs, nor on one that comes twice', async t => {
  const all = [
    ...yesterday,
    ...today(['web', 'model'], 'x.test'),
    ...today(jobs, 'api.ipify.org').map(one => ({ ...one, id: `${one.id}b` })),
  ]
  const once = JSON.stringify(classFleet(all, options))
  fc.assert(
    fc.property(
      fc.shuffledSubarray(all, { minLength: all.length }),
      fc.nat(all.length),
      (runs, twice) => JSON.stringify(classFleet([...runs, ...runs.slice(0, twice)], options)) === once,
    ),
    { numRuns: 100 },
  )
  t.pass('held')
})
