import { rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { emptyLock } from '../../gateway/baseline/lock.ts'
import { mergeRuns } from '../../gateway/baseline/merge.ts'
import { renderLock } from '../../gateway/baseline/render.ts'
import { parseConfig } from '../../gateway/config/load.ts'
import { loadBaselines } from '../../gateway/served-baselines.ts'
import { runOn } from './baseline/runs.ts'

const jobs =
  'jobs: { build: { lock: egress.lock }, "ci-*": { lock: egress.lock }, fresh: { lock: none.lock }, free: {} }\n'
const text = renderLock(mergeRuns(emptyLock, [runOn(1, ['read npm.acme.test:443 /usr/bin/node'])]).lock)

t.test('loadBaselines(): a job has that of its entry; one that is not there yet is said', async t => {
  const folder = t.testdir({ 'egress.lock': text })
  const baselines = await loadBaselines(parseConfig(`version: 1\n${jobs}`, `${folder}/gateway.yaml`))
  const said: string[] = []
  const of = (job: string) => baselines.of(job, warning => said.push(warning))
  t.match(of('build'), { file: `${folder}/egress.lock`, frozen: false })
  t.ok(of('ci-7')?.lock.jobs.has('build'))
  t.equal(of('free'), undefined)
  t.strictSame(said, [])
  t.equal(of('fresh'), undefined)
  t.match(said, [/no baseline .*none\.lock yet.*tidegate lock update LOG --lock .*SIGHUP/])
  rmSync(`${folder}/egress.lock`)
  t.ok(of('build'), 'as it was read')
})

t.test('loadBaselines(): a file with a fault', async t => {
  const folder = t.testdir({})
  writeFileSync(`${folder}/egress.lock`, 'jobs: [\n')
  await t.rejects(loadBaselines(parseConfig(`version: 1\n${jobs}`, `${folder}/gateway.yaml`)), { code: 'LOCK_INVALID' })
})
