// The sources of a served job: a volume that job and gateway mount, at different places.
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { tidegate } from '../e2e/behind.ts'
import { commit as makeCommit, fileEvents, makeRepository } from '../e2e/source-repo.ts'
import type { Lab } from '../lab/lab.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { until } from './machine-services.ts'
import { openServeRig, type ServeRig, type ServeRigOptions, trusting } from './serve-rig.ts'

t.setTimeout(180_000)

const files = { 'src/a.c': 'int a;\n', 'src/b.c': 'int b;\n', '.gitignore': 'dist/\n' }
/** Where the job has it. */
const place = '/mnt/workspace'

const policy = (integrity: string): string => `version: 1
mode: block
allow: [api.acme.test]
integrity: ${integrity}
`

/** A volume for each job: where the gateway has them all, read-only, and how a job mounts its own. */
function volumes(lab: Lab, name: string, jobs: readonly string[]) {
  const [root, seen] = [lab.file(`${name}-volumes`), lab.file(`${name}-seen`)]
  for (const job of jobs) mkdirSync(`${root}/${job}`, { recursive: true })
  mkdirSync(seen)
  return {
    of: (job: string) => `${root}/${job}`,
    seen,
    gateway: `mount --bind ${root} ${seen} && mount -o remount,bind,ro ${seen}`,
    job: (job: string) => `mount -t tmpfs none /mnt && mkdir ${place} && mount --bind ${root}/${job} ${place}`,
  }
}

type Volumes = ReturnType<typeof volumes>

function rigOf(lab: Lab, { seen, gateway }: Volumes, integrity: string, more: Partial<ServeRigOptions> = {}) {
  return openServeRig(lab, {
    policies: { plain: trusting(lab, policy(integrity)) },
    more: `jobs: { "*": {} }\nworkspaceDirectory: ${seen}\n`,
    mounts: gateway,
    ...more,
  })
}

async function attached(t: Test, rig: ServeRig, { job: mounts }: Volumes, job: string) {
  const container = await rig.container(job, mounts(job))
  const { exitCode, stderr } = await container.link('--policy', 'plain')
  t.equal(exitCode, 0, stderr)
  return container
}

const told = (rig: ServeRig, job: string, event: string): readonly string[] =>
  rig
    .lines(job)
    .filter(line => line.layer === 'job' && line.event === event)
    .map(({ details }) => String(details?.['note']))

/** Is this file event in the record already? Lines are written in batches, at once. */
const seen = (rig: ServeRig, job: string, event: string) => () => fileEvents(rig.lines(job)).includes(event)

await t.test('the sources of served jobs', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()

  await t.test(
    'swapped and put back: told, without a guess at who; the policy fails the job, and it hears so',
    async t => {
      const shared = volumes(lab, 'swap', ['build'])
      const commit = await makeRepository(lab, shared.of('build'), files)
      await using rig = await rigOf(lab, shared, `{ workspace: ${place}, allow: ["out/**"], onChange: fail }`)
      const [build, bare] = [await attached(t, rig, shared, 'build'), await rig.container('bare')]
      t.equal((await bare.link('--policy', 'plain')).exitCode, 0, 'without a workspace a job is served all the same')

      const checkpoint = `${tidegate} checkpoint ${place}; echo exit $?`
      const before = await build.sh(
        `cd ${place}; mkdir out; echo > out/x; ${checkpoint}; ${tidegate} checkpoint /; echo exit $?`,
      )
      t.equal(before.stdout, `commit ${commit}: 3 files watched\nexit 0\nexit 2\n`, before.stderr)
      t.match(before.stderr, /is not in the workspace \/mnt\/workspace/)

      await build.sh(`printf evil > ${place}/src/a.c`)
      await until(seen(rig, 'build', 'overwritten src/a.c -'))
      await build.sh(`printf 'int a;\\n' > ${place}/src/a.c`)
      await until(seen(rig, 'build', 'restored src/a.c -'))
      const after = await build.sh(
        `${checkpoint}; curl -s -m20 https://api.acme.test/status/204 -o /dev/null -w '%{http_code}'`,
      )
      t.equal(
        after.stdout,
        `commit ${commit}: 3 files watched\nexit 3\n204`,
        'all is right again; that it was not stays',
      )
      const failing = 'src/a.c is not what the source says (integrity.onChange: fail)'
      t.match(after.stderr, `the policy fails this job: ${failing}`)
      const asked = `printf '%s\\n' '{"op":"checkpoint"}' '{"op":"summary"}' | timeout 20 nc -NU /run/tidegate/job.sock`
      const [bySocket, summary] = (await build.sh(asked)).stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      t.match(bySocket, { ok: true, commit, files: 3, changed: 0, failed: [failing] })
      t.match(summary, { ok: true, summary: { failed: [failing] } })
      const none = await bare.sh(`printf '{"op":"checkpoint"}\\n' | timeout 20 nc -NU /run/tidegate/job.sock`)
      t.match(JSON.parse(none.stdout), { ok: false, code: 'SOURCE_UNREADABLE' })

      rig.kill('SIGTERM')
      t.equal(await rig.ended, 0)
      t.strictSame(fileEvents(rig.lines('build')), ['overwritten src/a.c -', 'restored src/a.c -'])
      t.strictSame(told(rig, 'build', 'failed'), [failing])
      t.match(told(rig, 'build', 'checkpoint'), [new RegExp(`^source baseline: commit ${commit}, 3 files`)])
      const kept = JSON.parse(readFileSync(`${rig.record('build')}/summary.json`, 'utf8'))
      t.strictSame(kept.failed, [failing])
      t.match(readFileSync(`${rig.record('build')}/summary.md`, 'utf8'), 'The policy fails this job')
      t.match(told(rig, 'bare', 'anomaly'), [/^nothing of the workspace .*\/bare was compared: there is no such file/])
      t.match(told(rig, 'bare', 'failed'), [/^nothing was compared with a commit/])
      t.ok(
        rig.log().some(({ msg }) => /fanotify: EPERM/.test(String(msg))),
        'why nobody is named is said',
      )
      for (const job of ['build', 'bare'])
        t.equal((await lab.host.exec(tidegate, ['verify', rig.record(job)])).exitCode, 0, job)
    },
  )

  await t.test(
    'a checkout of the job itself is the baseline when git is done; nothing of a neighbour is read',
    async t => {
      const shared = volumes(lab, 'clone', ['build', 'thief'])
      const origin = lab.file('clone-origin')
      mkdirSync(origin)
      const commit = await makeRepository(lab, origin, files)
      await using rig = await rigOf(lab, shared, `{ workspace: ${place} }`)
      const [build, thief] = [await attached(t, rig, shared, 'build'), await attached(t, rig, shared, 'thief')]
      const { exitCode, stderr } = await build.sh(`git clone -q ${origin} ${place}/app`)
      t.equal(exitCode, 0, stderr)
      await until(() => told(rig, 'build', 'checkpoint').length > 0)
      const own = `cd ${place}/app; git checkout -q -b own; git mv src/a.c src/c.c; ${makeCommit('own')}; mkdir dist; echo x > dist/o`
      t.match(await build.sh(own), { exitCode: 0 })
      await until(() => told(rig, 'build', 'checkpoint').length > 1)
      await build.sh(`rm ${place}/app/src/b.c`)
      await until(seen(rig, 'build', 'deleted app/src/b.c -'))
      // As the gateway names them, all workspaces lie beside each other.
      const links = `mkdir ${place}/x && echo 'gitdir: ${shared.seen}/build/app/.git' > ${place}/x/.git && ln -s ${shared.seen}/build/app ${place}/y`
      t.equal((await thief.sh(`${links}; ${tidegate} checkpoint ${place}/x; echo exit $?`)).stdout, 'exit 2\n')
      rig.kill('SIGTERM')
      t.equal(await rig.ended, 0)
      t.match(told(rig, 'build', 'checkpoint'), [
        new RegExp(`^source baseline: commit ${commit}, 3 files in .*/app`),
        new RegExp(`, was ${commit}, 3 files`),
      ])
      t.strictSame(fileEvents(rig.lines('build')), ['deleted app/src/b.c -'])
      t.strictSame(fileEvents(rig.lines('thief')), [])
      t.notMatch(JSON.stringify(rig.lines('thief')), commit)
      t.match(told(rig, 'thief', 'anomaly'), [/^nothing of the workspace .*\/thief was compared/])
    },
  )

  await t.test('where the gateway may see who writes, it says so; what it may not read is no change', async t => {
    const shared = volumes(lab, 'named', ['build'])
    await makeRepository(lab, shared.of('build'), files)
    await lab.host.exec('chown', ['65534', `${shared.of('build')}/src/b.c`])
    chmodSync(`${shared.of('build')}/src/b.c`, 0o600)
    const named = { mayLook: true, mayAdmin: true }
    {
      await using rig = await rigOf(lab, shared, '{}', {
        ...named,
        more: `jobs: { build: { policy: policies/plain.yaml, workspace: ${shared.seen}/build } }\n`,
      })
      const build = await rig.container('build', shared.job('build'))
      t.equal((await build.link()).exitCode, 0)
      const changed = await build.sh(
        `sh -c 'printf evil > ${place}/src/a.c; sleep 0.5'; ${tidegate} checkpoint ${place}`,
      )
      t.match(changed.stderr, /does not say where the job has its workspace \(integrity.workspace\)/)
      await until(() => fileEvents(rig.lines('build')).length > 0)
      const line = rig.lines('build').find(({ layer }) => layer === 'file')
      t.match(line, { event: 'overwritten', path: 'src/a.c', process: { exe: /(?:da)?sh$/, command: /printf evil/ } })
    }
    await using rig = await rigOf(lab, shared, `{ workspace: ${place}, onChange: fail }`)
    await attached(t, rig, shared, 'build')
    rig.kill('SIGTERM')
    t.equal(await rig.ended, 0)
    t.strictSame(fileEvents(rig.lines('build')), ['overwritten src/a.c -'], 'as it was at the baseline')
    t.match(told(rig, 'build', 'anomaly').join('\n'), 'the gateway may not read src/b.c')
    t.ok(told(rig, 'build', 'failed').includes('some sources could not be read (integrity.onChange: fail)'))
  })
})
