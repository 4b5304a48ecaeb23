// Served jobs and what they are known to do: `lock` of the configuration.
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { until } from './machine-services.ts'
import { openServeRig, type ServeRig, trusting } from './serve-rig.ts'

t.setTimeout(120_000)

const learning = 'version: 1\nmode: audit\n'
const strict = 'version: 1\nmode: block\nallow: ["**.acme.test"]\nanomalies: deny\n'

const fetched = (host: string, more = ''): string =>
  `curl -s -m20 -o /dev/null -w '%{http_code}\\n' ${more} https://${host}/echo`

const alarms = (rig: ServeRig, job: string): readonly string[] =>
  rig
    .lines(job)
    .filter(({ layer, event }) => layer === 'job' && event === 'anomaly')
    .map(({ details, host }) => `${String(details?.['kind'])} ${host}`)

const reloads = (rig: ServeRig): number =>
  rig.log().filter(({ msg }) => /policies (?:not )?reloaded/.test(String(msg))).length

t.test('a served job is held to its egress.lock', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const lock = lab.file('egress.lock')
  const policies = { learning: trusting(lab, learning), strict: trusting(lab, strict) }

  await t.test('its first run makes it: by which program, where the gateway may see that', async t => {
    const jobs = `jobs: { build: { policy: policies/learning.yaml, lock: ${lock} } }\n`
    await using rig = await openServeRig(lab, { policies, mayLook: true, more: jobs })
    const build = await rig.container('build')
    t.equal((await build.link()).exitCode, 0)
    t.equal((await build.sh(fetched('api.acme.test'))).stdout, '200\n')
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    t.match(
      rig
        .log()
        .map(({ msg }) => msg)
        .join('\n'),
      `there is no baseline ${lock} yet`,
    )
    const { exitCode, stderr } = await lab.host.exec(tidegate, ['lock', 'update', '--lock', lock, rig.record('build')])
    t.equal(exitCode, 0, stderr)
    t.match(readFileSync(lock, 'utf8'), /to: api\.acme\.test:443, does: read, by: \S+curl/)
  })

  await t.test('what is new is refused; that no program is known is no anomaly, and said', async t => {
    const jobs = `jobs: { build: { policy: policies/strict.yaml, lock: ${lock} }, "*": { policy: policies/strict.yaml } }\n`
    await using rig = await openServeRig(lab, { policies, more: jobs })
    const [build, other] = [await rig.container('build'), await rig.container('other')]
    const linked = await build.link()
    t.equal(linked.exitCode, 0, linked.stderr)
    const refused = await other.link()
    t.not(refused.exitCode, 0, 'without a lock nothing could be let through')
    t.match(refused.stderr, /there is no baseline.*LOCK_INVALID/s)

    const used = await build.sh(
      `${fetched('api.acme.test')}; ${fetched('api.acme.test', '-X PUT -d x')}; ${fetched('other.acme.test')}; ${fetched('api.acme.test')}`,
    )
    t.equal(used.stdout, '200\n403\n000\n200\n', used.stderr)
    t.strictSame(alarms(rig, 'build').toSorted(), ['new-host other.acme.test', 'new-upload api.acme.test'])
    t.equal((await lab.origins.requests({ method: 'PUT' })).length, 0, 'nothing of it got out')

    writeFileSync(lock, 'version: 7\n')
    rig.kill('SIGHUP')
    await until(() => reloads(rig) === 1)
    t.match(
      rig.log().find(({ msg }) => /not reloaded/.test(String(msg))),
      { error: 'LOCK_INVALID' },
    )
    t.equal((await build.sh(fetched('api.acme.test'))).stdout, '200\n', 'a broken lock ends no protection')
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    const notes = rig
      .lines('build')
      .flatMap(({ event, details }) => (event === 'checkpoint' ? [details?.['note']] : []))
    t.match(notes, [/without the programs/])
    t.equal((await lab.host.exec(tidegate, ['verify', rig.record('build')])).exitCode, 0)
  })

  await t.test('a lock with a fault is found before anything starts', async t => {
    writeFileSync(lab.file('checked.yaml'), `version: 1\njobs: { build: { policy: p.yaml, lock: egress.lock } }\n`)
    writeFileSync(lab.file('p.yaml'), strict)
    const { exitCode, stderr } = await lab.host.exec(tidegate, [
      'serve',
      '--check',
      '--config',
      lab.file('checked.yaml'),
    ])
    t.equal(exitCode, 2)
    t.match(stderr, /egress\.lock/)
  })
})
