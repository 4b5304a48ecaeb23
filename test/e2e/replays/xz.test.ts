// docs/incidents/xz.md
import { mkdirSync } from 'node:fs'
import t from 'tap'
import { openLab, type Lab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { tidegate } from '../behind.ts'
import { fileEvents, makeRepository } from '../source-repo.ts'
import { replay, type Incident, type Replayed } from './replay.ts'

t.setTimeout(180_000)

const files = {
  'configure.ac': 'AC_INIT([pack], [5.6.0])\n',
  'src/crc64.c': 'int is_arch_supported(void) { return 0; }\n',
  // What looks like a broken input of a test holds the code.
  'tests/files/bad-3.xz': Buffer.from('int is_arch_supported(void) { return hook(); }\n').toString('base64'),
  '.gitignore': '/release/\n*.o\n',
}

/** In the release only: git has no such file, and whoever reads the repository never sees it. */
const macro = 'base64 -d tests/files/bad-3.xz >src/crc64.c'

/** Makes the release archive of the commit, with `configure` as every release has it; and with what should not be there. */
function release(isPoisoned: boolean): string {
  return [
    'mkdir -p release/pack-5.6.0 && git archive HEAD | tar x -C release/pack-5.6.0',
    `printf '%s\\n' '${isPoisoned ? 'sh m4/build-to-host.m4' : 'true'}' >release/pack-5.6.0/configure`,
    ...(isPoisoned ? [`mkdir release/pack-5.6.0/m4; echo '${macro}' >release/pack-5.6.0/m4/build-to-host.m4`] : []),
    'tar cf release/pack-5.6.0.tar -C release pack-5.6.0 && rm -r release/pack-5.6.0',
  ].join(' && ')
}

type Step = 'release' | 'compare' | 'unpack' | 'build'

async function packaged(lab: Lab, name: string, mode: 'audit' | 'block', isPoisoned: boolean): Promise<Replayed<Step>> {
  const folder = lab.file(name)
  mkdirSync(folder)
  await makeRepository(lab, folder, files)
  const allow = '[configure, "m4/**"]'
  const incident: Incident<Step> = {
    attacker: [],
    spoils: [],
    policy: `allow: []\nintegrity: { workspace: ${folder}, allow: ${allow}, onChange: ${mode === 'block' ? 'fail' : 'report'} }\n`,
    steps: {
      release: `cd ${folder} && ${release(isPoisoned)}`,
      compare: `cd ${folder} && ${tidegate} checkpoint --manifest release/pack-5.6.0.tar --allow configure`,
      unpack: `cd ${folder} && tar x --skip-old-files --strip-components=1 -f release/pack-5.6.0.tar`,
      build: `cd ${folder} && sh configure && cat src/crc64.c >crc64.o && cat crc64.o`,
    },
  }
  return replay(lab, incident, mode)
}

t.test('XZ, 2024: a release archive that is not what git has', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  for (const mode of ['audit', 'block'] as const)
    await t.test(`in ${mode}: what git does not have is named, and what it does to the sources`, async t => {
      const run = await packaged(lab, mode, mode, true)
      t.match(run.step('build').stdout, 'hook()', 'the attack works: this was compiled')
      t.match(run.step('compare'), { exitCode: 1, stdout: /^not in git {2}m4\/build-to-host\.m4$/m })
      t.match(
        run.findings.find(({ kind }) => kind === 'not-in-source'),
        { note: /build-to-host\.m4/ },
      )
      t.match(fileEvents(run.lines), [/^overwritten src\/crc64\.c (?:da)?sh$/])
      const edit = run.lines.find(({ layer, event }) => layer === 'file' && event === 'overwritten')
      t.match(edit?.process?.parents.join(' '), /\/(?:da)?sh/, 'by configure')
      t.match(run.markdown, 'src/crc64.c')
      t.equal(run.exitCode, mode === 'block' ? 3 : 0)
    })
  await t.test('an honest release is quiet', async t => {
    const run = await packaged(lab, 'clean', 'block', false)
    t.equal(run.step('compare').exitCode, 0, run.step('compare').stdout)
    t.notMatch(run.step('build').stdout, 'hook()')
    t.strictSame([fileEvents(run.lines), run.findings, run.exitCode], [[], [], 0])
  })
})
