import { mkdirSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, runBehind } from './behind.ts'
import { lfsServer } from './lfs-server.ts'
import { itIsQuiet } from './quiet-build.ts'
import { commit, fileEvents } from './source-repo.ts'
import { whyNoProgram } from './toolchain.ts'

t.setTimeout(240_000)

const repository = 'https://git.acme.test/acme/app.git'
const store = 'lfs.acme.test'

/** Otherwise git asks for the name of the machine, which the lab's resolver does not know. */
const identity = Object.fromEntries(
  ['AUTHOR', 'COMMITTER'].flatMap(who => [
    [`GIT_${who}_NAME`, 'lab'],
    [`GIT_${who}_EMAIL`, 'lab@example.com'],
  ]),
)

/** A branch with two large files, of which one is changed in a second commit. */
const prepare = [
  'git lfs install --local',
  'git checkout -q -b large',
  "git lfs track '*.bin'",
  'mkdir -p data',
  'head -c 300000 /dev/urandom >data/a.bin',
  'printf large >data/b.bin',
  'git add -A',
  commit('large'),
  'git tag first-large',
  'head -c 200000 /dev/urandom >data/a.bin',
  'git add -A',
  commit('larger'),
  'git push -q origin large --tags',
]

/** What pipelines do with such a repository: the whole, only the pointers first, another commit, and back. */
const build = (workspace: string): string => `
git lfs install
git clone -q -b large ${repository} '${workspace}/app'
cd '${workspace}/app'
test "$(wc -c <data/a.bin)" = 200000
sleep 0.7
git checkout -q first-large
test "$(wc -c <data/a.bin)" = 300000
sleep 0.7
git checkout -q large
git lfs fsck
git lfs ls-files | grep -q data/b.bin
mkdir -p out && cat data/a.bin data/b.bin >out/all && wc -c out/all
git status --porcelain --ignored
GIT_LFS_SKIP_SMUDGE=1 git clone -q -b large ${repository} '${workspace}/late'
cd '${workspace}/late'
test "$(wc -c <data/a.bin)" -lt 200
sleep 0.7
git lfs pull
test "$(wc -c <data/a.bin)" = 200000
sleep 0.7
`

const why = whyNoLab(['origins', 'git']) || whyNoProgram('git-lfs')

await t.test('a repository with files in Git LFS, fetched by its own client', { skip: why }, async t => {
  await using lab = await openLab({ services: ['origins', 'git'] })
  await lab.serve(store)
  const server = lfsServer(store)
  await lab.origins.script('git.acme.test', '/acme/app.git/info/lfs/objects/batch', server.batch)
  await lab.origins.script(store, '*', server.objects)
  const source = lab.file('source')
  const prepared = await lab.host.exec(
    'sh',
    ['-ec', `git clone -q ${repository} '${source}'; cd '${source}'; ${prepare.join('; ')}`],
    { timeoutMs: 60_000 },
  )
  t.equal(prepared.exitCode, 0, prepared.stderr)
  t.equal(server.stored.size, 3, 'three large files')

  const workspace = lab.file('workspace')
  mkdirSync(workspace)
  const runs = await itIsQuiet(t, {
    lab,
    name: 'lfs',
    allow: ['https://git.acme.test/acme/**', `GET https://${store}/objects/**`],
    workspace,
    script: build(workspace),
    fresh: [`${workspace}/app`, `${workspace}/late`],
    env: identity,
  })
  for (const { lines } of runs) {
    const fetched = lines.filter(({ host, layer }) => host === store && layer === 'http')
    t.ok(fetched.length >= 3, 'the large files came through the gateway')
    for (const line of fetched) t.match(line, { verdict: 'allow', process: { exe: /\/git-lfs$/ } })
    t.strictSame(
      lines.filter(({ event }) => event === 'overwritten' || event === 'restored').map(({ path }) => path),
      [],
      'a large file in the place of its pointer is what the commit says',
    )
  }

  await t.test('one that is not what its pointer names is told', async t => {
    const folder = `${workspace}/swapped`
    const script = `git lfs install; git clone -q -b large ${repository} '${folder}'; sleep 0.7; printf other >'${folder}/data/b.bin'; sleep 0.7`
    const run = await runBehind(lab, {
      policy: `${auditPolicy}integrity: { workspace: ${workspace} }\n`,
      command: ['sh', '-ec', script],
      env: { ...identity, HOME: workspace },
    })
    t.equal(run.exitCode, 0, run.stderr)
    t.strictSame(fileEvents(run.lines), ['overwritten swapped/data/b.bin dash'])
  })

  await t.test('a program that only has the name of git-lfs hides nothing behind a pointer', async t => {
    const home = lab.file('lied')
    mkdirSync(home)
    const swap =
      'import time; file = "data/b.bin"; open(file, "w").write("evil"); time.sleep(1); open(file, "w").write("large"); time.sleep(1)'
    const script = `git lfs install; GIT_LFS_SKIP_SMUDGE=1 git clone -q -b large ${repository} app; cd app; sleep 0.7
mkdir ../liar; cp "$(python3 -c 'import os; print(os.path.realpath("/proc/self/exe"))')" ../liar/git-lfs
../liar/git-lfs -c '${swap}'`
    const run = await runBehind(lab, {
      policy: `${auditPolicy}integrity: { workspace: ${home} }\n`,
      command: ['sh', '-ec', `cd '${home}'; ${script}`],
      env: { ...identity, HOME: home },
    })
    t.equal(run.exitCode, 0, run.stderr)
    t.strictSame(fileEvents(run.lines), ['overwritten app/data/b.bin git-lfs', 'restored app/data/b.bin git-lfs'])
  })
})
