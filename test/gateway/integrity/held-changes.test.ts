import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Change } from '../../../gateway/integrity/change.ts'
import { GitLfs } from '../../../gateway/integrity/git-lfs.ts'
import { HeldChanges } from '../../../gateway/integrity/held-changes.ts'
import type { ProcessInfo } from '../../../gateway/record/event.ts'

/** Blob ids: of the pointer that is committed, of its large file, and of what is neither. */
const [pointer, large, evil] = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40)]

interface Rig {
  /** Folder of the job's PATH, in which its own git-lfs is. */
  readonly tools: string
  /** Where the job puts what it likes. */
  readonly elsewhere: string
  /** A process that runs the program at `file`; `exe`: what procfs says of it. */
  start(file: string, exe?: string): ProcessInfo
  end(process: ProcessInfo): void
  held(procRoot?: string): { readonly held: HeldChanges; readonly wait: (ms: number) => void; readonly lfs: GitLfs }
}

function openRig(test: { testdir(content: Record<string, never>): string }): Rig {
  const root = test.testdir({})
  const [tools, elsewhere, proc] = [`${root}/tools`, `${root}/elsewhere`, `${root}/proc`]
  for (const folder of [tools, elsewhere, proc]) mkdirSync(folder)
  writeFileSync(`${tools}/git-lfs`, 'the real one')
  let pids = 1
  return {
    tools,
    elsewhere,
    start(file, exe = file) {
      pids += 1
      mkdirSync(`${proc}/${pids}`)
      symlinkSync(file, `${proc}/${pids}/exe`)
      return { pid: pids, exe, command: 'git-lfs pull', uid: 1_000, parents: [] }
    },
    end: ({ pid }) => rmSync(`${proc}/${pid}`, { recursive: true }),
    held(procRoot = proc) {
      let now = 0
      const lfs = new GitLfs(procRoot === '' ? undefined : procRoot, [tools])
      return { held: new HeldChanges(() => now, lfs), wait: ms => void (now += ms), lfs }
    },
  }
}

const written = (process: ProcessInfo): Change => ({
  path: 'data/a.bin',
  event: 'overwritten',
  before: pointer,
  after: evil,
  process,
})

const cut = (process: ProcessInfo): Change => ({ ...written(process), event: 'deleted', after: undefined })

const putBack = (process: ProcessInfo, after = large): Change => ({
  path: 'data/a.bin',
  event: 'restored',
  before: evil,
  after,
  process,
})

/** What stands there when the large file is being written: its beginning. */
const begun = '4'.repeat(40)

const idle = (): boolean => false

await t.test('git-lfs brings a large file in the place of its pointer, slowly: nothing is told', async t => {
  const rig = openRig(t)
  const { held, wait, lfs } = rig.held()
  const process = rig.start(`${rig.tools}/git-lfs`)
  lfs.notice(process)
  // As git-lfs 3.3 does: it removes the pointer, and copies the large file to its place.
  const steps: readonly Change[] = [
    { path: 'data/a.bin', event: 'deleted', before: pointer, after: undefined, process },
    { path: 'data/a.bin', event: 'overwritten', before: undefined, after: begun, process, isGrown: true },
    { path: 'data/a.bin', event: 'restored', before: begun, after: large, process, isGrown: true },
  ]
  for (const step of steps) {
    t.ok(held.take(step))
    wait(5_000)
    t.strictSame(held.release(idle, false), [], 'it is waited for')
  }
  rig.end(process)
  t.strictSame(held.release(idle, false), [], 'and what went by between was never a source')
  t.strictSame(held.release(idle, true), [], 'nor is it told later')
})

await t.test('it is waited for 30 seconds, and no longer than it runs', async t => {
  const rig = openRig(t)
  const { held, wait, lfs } = rig.held()
  const [first, second] = [rig.start(`${rig.tools}/git-lfs`), rig.start(`${rig.tools}/git-lfs`)]
  lfs.notice(first)
  lfs.notice(second)
  const ended = { ...written(first), path: 'data/b.bin' }
  held.take(ended)
  held.take(written(second))
  wait(301)
  rig.end(first)
  t.strictSame(held.release(idle, false), [ended])
  wait(30_000)
  t.strictSame(held.release(idle, false), [written(second)])
})

/** Who pretends to be git-lfs: each starts a program of the job's own. */
const liars: Readonly<Record<string, (rig: Rig, own: string) => ProcessInfo>> = {
  'a program with its name elsewhere': ({ start }, own) => start(own),
  'a program that is called like a helper of git': ({ start, elsewhere }) => {
    writeFileSync(`${elsewhere}/git-helper`, 'evil')
    return start(`${elsewhere}/git-helper`)
  },
  'one of git-core, by the name of its folder': ({ start, elsewhere }) => {
    mkdirSync(`${elsewhere}/git-core`)
    writeFileSync(`${elsewhere}/git-core/git-lfs`, 'evil')
    return start(`${elsewhere}/git-core/git-lfs`)
  },
  'git, which needs nobody to wait for it': ({ start, elsewhere }) => {
    writeFileSync(`${elsewhere}/git`, 'evil')
    return start(`${elsewhere}/git`)
  },
  'one that is mounted over the real one': ({ start, tools }, own) => start(own, `${tools}/git-lfs`),
  'the real one, written over': ({ start, tools }) => {
    appendFileSync(`${tools}/git-lfs`, ', and more')
    return start(`${tools}/git-lfs`)
  },
  'the real one, replaced': ({ start, tools }) => {
    rmSync(`${tools}/git-lfs`)
    writeFileSync(`${tools}/git-lfs`, 'the real one')
    return start(`${tools}/git-lfs`)
  },
}

for (const [name, lie] of Object.entries(liars))
  await t.test(`a swap is told at once, not hidden: ${name}`, async t => {
    const rig = openRig(t)
    writeFileSync(`${rig.elsewhere}/git-lfs`, 'evil')
    const { held, wait, lfs } = rig.held()
    const process = lie(rig, `${rig.elsewhere}/git-lfs`)
    lfs.notice(process)
    held.take(written(process))
    wait(301)
    t.strictSame(held.release(idle, false), [written(process)], 'though it runs on')
    held.take(written(process))
    held.take(putBack(process))
    wait(301)
    t.strictSame(held.release(idle, false), [written(process), putBack(process)])
  })

await t.test('a git-lfs that came when the job had begun is nobody to trust', async t => {
  const rig = openRig(t)
  rmSync(`${rig.tools}/git-lfs`)
  const { held, wait, lfs } = rig.held()
  writeFileSync(`${rig.tools}/git-lfs`, 'evil')
  const process = rig.start(`${rig.tools}/git-lfs`)
  lfs.notice(process)
  held.take(written(process))
  held.take(putBack(process))
  wait(301)
  t.equal(held.release(idle, false).length, 2)
})

await t.test('whose program nobody could look at is nobody to trust, nor who wrote together with git-lfs', async t => {
  const rig = openRig(t)
  const real = rig.start(`${rig.tools}/git-lfs`)
  const unseen = rig.held('')
  unseen.lfs.notice(real)
  unseen.held.take(written(real))
  unseen.held.take(putBack(real))
  unseen.wait(301)
  t.equal(unseen.held.release(idle, false).length, 2, 'no procfs')

  const { held, wait, lfs } = rig.held()
  const gone = rig.start(`${rig.tools}/git-lfs`)
  rig.end(gone)
  for (const process of [real, gone]) lfs.notice(process)
  held.take(written(gone))
  held.take(putBack(real))
  rig.end(real)
  wait(301)
  t.equal(held.release(idle, false).length, 2, 'it had ended')
})

await t.test('who puts a file back as it was has swapped it, be it git-lfs', async t => {
  const rig = openRig(t)
  const { held, wait, lfs } = rig.held()
  const process = rig.start(`${rig.tools}/git-lfs`)
  lfs.notice(process)
  held.take(written(process))
  held.take(putBack(process, pointer))
  rig.end(process)
  wait(301)
  t.equal(held.release(idle, false).length, 2)
})

await t.test(
  'what git-lfs itself puts before the large file is told, as when a preloaded library writes it',
  async t => {
    const rig = openRig(t)
    for (const first of [written, cut]) {
      const { held, wait, lfs } = rig.held()
      const process = rig.start(`${rig.tools}/git-lfs`)
      lfs.notice(process)
      held.take(first(process))
      wait(3_000)
      t.strictSame(held.release(idle, false), [], 'it is waited for')
      const replaced = { ...putBack(process), before: first(process).after, isGrown: false }
      held.take(replaced)
      rig.end(process)
      t.strictSame(held.release(idle, false), [first(process), replaced])
    }
  },
)

await t.test('what another program writes waits for nothing', async t => {
  const rig = openRig(t)
  const { held } = rig.held()
  t.notOk(held.take(written(rig.start(`${rig.elsewhere}/python3`))))
})
