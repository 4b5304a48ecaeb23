import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { Engine } from '../../../gateway/integrity/engine.ts'
import type { Told } from '../../../gateway/integrity/messages.ts'
import { openFolderWatching } from '../../../gateway/integrity/watching.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

const skip = whyNoGit()

/** About as long as a step waits for something to happen. */
const stepMs = 100

/** A repository, and an engine that watches it by inotify, which names nobody: whoever writes may be git. */
interface Rig extends AsyncDisposable {
  readonly folder: string
  /** Goes on for so long, by a clock that only it moves on. */
  run(ms: number): Promise<void>
  checkpoint(): Promise<unknown>
  /** Findings so far, as event and path. */
  events(): readonly string[]
  baselines(): number
}

async function openRig(
  test: { testdir(content: Record<string, never>): string },
  files: Readonly<Record<string, string>>,
): Promise<Rig> {
  const folder = test.testdir({})
  git(folder, 'init', '-q', '-b', 'main')
  write(folder, files)
  commitAll(folder)
  const events: string[] = []
  let baselines = 0
  const watching = openFolderWatching()
  const options = { procRoot: undefined, netns: undefined, toolFolders: [], isConfined: false }
  let now = 0
  const tell = (told: Told): void => {
    if (told.tell === 'baseline') baselines += 1
    if (told.tell === 'finding') events.push(`${told.event} ${told.path}`)
  }
  const engine = new Engine({ workspace: folder, allow: [], ...options }, watching, tell, () => now)
  await engine.start()
  const rig: Rig = {
    folder,
    async run(ms) {
      const end = now + ms
      while (now < end) {
        await engine.step()
        now += stepMs
      }
    },
    checkpoint: () => engine.checkpoint(undefined),
    events: () => events,
    baselines: () => baselines,
    [Symbol.asyncDispose]: () => watching[Symbol.asyncDispose](),
  }
  await rig.run(500)
  return rig
}

/** Does this behind a lock like git's, for a second; then its commit becomes the baseline. */
async function behindLock({ folder, run }: Rig, first: () => void, then: () => void): Promise<void> {
  const lock = `${folder}/.git/index.lock`
  writeFileSync(lock, '')
  first()
  await run(1_000)
  then()
  await run(300)
  rmSync(lock)
  commitAll(folder)
  await run(1_200)
}

await t.test('a lock and a commit hide no swap', { skip }, async t => {
  await using rig = await openRig(t, { 'a.c': 'good', 'b.c': 'good', 'c.c': 'good' })
  await behindLock(
    rig,
    () => {
      write(rig.folder, { 'a.c': 'evil', 'b.c': 'evil' })
      rmSync(`${rig.folder}/c.c`)
    },
    () => write(rig.folder, { 'a.c': 'good', 'b.c': 'good, and better', 'c.c': 'good' }),
  )
  t.equal(rig.baselines(), 2)
  t.strictSame(
    rig.events().toSorted(),
    ['overwritten a.c', 'restored a.c', 'overwritten b.c', 'restored b.c', 'deleted c.c', 'restored c.c'].toSorted(),
  )
})

await t.test('a file that is seen while it is written is no swap', { skip }, async t => {
  await using rig = await openRig(t, { 'a.c': 'first' })
  const file = `${rig.folder}/a.c`
  await behindLock(
    rig,
    () => writeFileSync(file, 'int a;\n'),
    () => appendFileSync(file, 'int b;\n'),
  )
  t.equal(rig.baselines(), 2)
  t.strictSame(rig.events(), [])
})

await t.test('git that writes again what was there is quiet', { skip }, async t => {
  const names = Array.from({ length: 200 }, (_, at) => `d/${at}.c`)
  await using rig = await openRig(t, Object.fromEntries(names.map(name => [name, name])))
  const next = git(rig.folder, 'commit-tree', '-p', 'HEAD', '-m', 'next', 'HEAD^{tree}').trim()
  // As of a checkout that was copied: git takes none of them for what it wrote.
  for (const name of names) utimesSync(`${rig.folder}/${name}`, 1, 1)
  await rig.run(1_500)
  git(rig.folder, 'reset', '-q', '--hard', next)
  await rig.run(1_200)
  t.equal(rig.baselines(), 2)
  t.strictSame(rig.events(), [])
})

await t.test('two commits in a row are told by what stood in between, unless each is a baseline', { skip }, async t => {
  for (const isBaseline of [false, true]) {
    await using rig = await openRig(t, { 'a.c': 'third' })
    const { folder } = rig
    for (const text of ['second', 'first']) {
      write(folder, { 'a.c': text })
      commitAll(folder)
    }
    await rig.checkpoint()
    await rig.run(800)
    const before = rig.events().length
    git(folder, 'checkout', '-q', 'HEAD~1')
    await rig.run(400)
    if (isBaseline) await rig.checkpoint()
    git(folder, 'checkout', '-q', 'HEAD~1')
    await rig.run(1_200)
    const told = isBaseline ? [] : ['overwritten a.c', 'restored a.c']
    t.strictSame(rig.events().slice(before), told)
    t.equal(rig.baselines(), isBaseline ? 4 : 3)
  }
})
