import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Told } from '../../../gateway/integrity/messages.ts'
import { confineTo, isExact, namesIn, openPlain } from '../../../gateway/integrity/plain-file.ts'
import { startThread } from '../../../gateway/integrity/thread.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

type Tell = Exclude<Told, { tell: 'ready' | 'answer' | 'finished' }>

/** Watches a workspace in a thread until `script` has run, and once more at the end. */
async function watched(workspace: string, isConfined: boolean, script: () => void): Promise<readonly Tell[]> {
  const all: Tell[] = []
  const options = { workspace, allow: [], procRoot: undefined, netns: undefined, toolFolders: [], isConfined }
  const thread = startThread(options, { told: one => all.push(one), broken: why => t.fail(why) }, 30_000)
  await thread.ready
  script()
  await thread.checkpoint(undefined)
  await thread.finish()
  return all
}

await t.test('confineTo(): what lies outside is as if it were missing', async t => {
  const folder = t.testdir({ inside: { file: 'x' }, outside: { secret: 'y' }, 'inside-not': { z: '' } })
  const inside = `${folder}/inside`
  symlinkSync('../outside', `${inside}/link`)
  symlinkSync('file', `${inside}/own`)
  const opens = (path: string): string => {
    const opened = openPlain(path)
    if (typeof opened === 'string') return opened
    opened[Symbol.dispose]()
    return 'read'
  }
  const looks = (): readonly unknown[] => [
    opens(`${inside}/file`),
    opens(`${inside}/link/secret`),
    opens(`${folder}/inside-not/z`),
    namesIn(`${inside}/link`),
  ]
  t.strictSame(looks(), ['read', 'read', 'read', ['secret']])
  t.teardown(() => confineTo(undefined))
  confineTo(inside)
  t.strictSame(looks(), ['read', 'missing', 'missing', undefined])
  t.strictSame(namesIn(inside)?.toSorted(), ['file', 'link', 'own'])
  confineTo(undefined)
  t.strictSame(namesIn(`${inside}/link`, true), undefined, 'by a link, where none may be')
  t.strictSame(namesIn(`${inside}/file`), undefined)
  t.strictSame([isExact(inside), isExact(`${inside}/link`), isExact(`${inside}/none`)], [true, false, false])
})

await t.test(
  'a job that leads the gateway to the files of another is told nothing of them',
  { skip: whyNoGit() },
  async t => {
    const folder = t.testdir({ victim: {}, thief: {} })
    const [victim, thief] = [`${folder}/victim`, `${folder}/thief`]
    git(victim, 'init', '-q', '-b', 'main')
    write(victim, { 'secret-name.c': 'x', 'src/other-secret.c': 'y' })
    const commit = commitAll(victim)
    writeFileSync(`${thief}/.git`, `gitdir: ${victim}/.git\n`)

    const open = await watched(thief, false, () => undefined)
    t.match(JSON.stringify(open), 'secret-name', 'as a worktree does, where everything is the job’s')
    const closed = await watched(thief, true, () => undefined)
    t.notMatch(JSON.stringify(closed), 'secret')
    t.notMatch(JSON.stringify(closed), commit)
    t.match(
      closed.filter(({ tell }) => tell === 'alarm'),
      [
        {
          note: /^nothing of the workspace .*\/thief was compared: .* names .*, where the gateway sees no repository$/,
        },
      ],
    )
  },
)

await t.test('a folder that becomes a link to elsewhere', { skip: whyNoGit() }, async t => {
  const folder = t.testdir({ elsewhere: { 'secret-name': '' }, work: {} })
  const work = `${folder}/work`
  git(work, 'init', '-q', '-b', 'main')
  write(work, { 'src/a.c': 'a', 'b.c': 'b' })
  commitAll(work)
  for (const isConfined of [true, false]) {
    const told = await watched(work, isConfined, () => {
      git(work, 'checkout', '-q', '-f', 'main')
      git(work, 'mv', 'src', `was-${isConfined}`)
      symlinkSync('../elsewhere', `${work}/src`)
      writeFileSync(`${folder}/elsewhere/secret-${isConfined}`, '')
    })
    t.match(
      told.filter(({ tell }) => tell === 'finding'),
      [{ event: 'deleted', path: 'src/a.c' }],
      'its files are gone from there',
    )
    t.notMatch(JSON.stringify(told), 'secret', `${isConfined ? '' : 'not '}confined`)
    mkdirSync(`${work}/src-${isConfined}`)
    git(work, 'reset', '-q', '--hard')
  }
})
