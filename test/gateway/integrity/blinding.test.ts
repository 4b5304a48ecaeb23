import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { Added } from '../../../gateway/integrity/added.ts'
import { atOnce, blobAt, lookAt } from '../../../gateway/integrity/content.ts'
import { Engine } from '../../../gateway/integrity/engine.ts'
import type { Told } from '../../../gateway/integrity/messages.ts'
import { confineTo, namesIn, openPlain } from '../../../gateway/integrity/plain-file.ts'
import { Repositories } from '../../../gateway/integrity/repositories.ts'
import { Snapshot } from '../../../gateway/integrity/snapshot.ts'
import { Telling } from '../../../gateway/integrity/telling.ts'
import { UnreadFiles } from '../../../gateway/integrity/unread.ts'
import type { Notice, Watching } from '../../../gateway/integrity/watching.ts'
import { realPath } from '../../../gateway/integrity/workspace.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

// What a job does so that the thread looks elsewhere, or fills what it says with other things.

const mebibyte = 1_048_576
const terabytes = 8 * 1_024 ** 4

/** A watching that does something each time it is asked, and tells what it is given. */
function watchingWith(onAsked: () => readonly Notice[]): Watching {
  return {
    namesProcesses: false,
    longestWaitMs: 0,
    watchFolder: () => undefined,
    watchFile: () => undefined,
    next: async () => ({ all: onAsked(), isOverflow: false }),
    wake: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function noticeOf(path: string): Notice {
  return { path, isFolder: false, isGoingOn: false, isEntry: false, process: undefined, writer: 1 }
}

await t.test('a source that is swapped while all are read is seen on both sides', { skip: whyNoGit() }, async t => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`z${at}.c`, String(at)]))
  for (const what of ['checkpoint', 'large'] as const) {
    const folder = t.testdir({})
    git(folder, 'init', '-q', '-b', 'main')
    write(folder, { 'a.c': 'good', 'big.bin': 'b', ...(what === 'checkpoint' ? many : {}) })
    commitAll(folder)
    let asked = -1
    const told: Told[] = []
    const watching = watchingWith(() => {
      if (asked >= 0) asked += 1
      if (asked !== 1 && asked !== 2) return []
      writeFileSync(`${folder}/a.c`, asked === 1 ? 'evil' : 'good')
      return [noticeOf(`${folder}/a.c`)]
    })
    const options = { workspace: folder, allow: [], procRoot: undefined, netns: undefined, toolFolders: [] }
    const engine = new Engine({ ...options, isConfined: false }, watching, one => told.push(one))
    await engine.start()
    if (what === 'large') truncateSync(`${folder}/big.bin`, 40 * mebibyte)
    asked = 0
    t.match(await engine.checkpoint(undefined), { ok: true, changed: what === 'large' ? 1 : 0 })
    t.ok(asked >= 2, 'notices are read in between')
    await engine.finish()
    const events = told.flatMap(one => (one.tell === 'finding' && one.path === 'a.c' ? [one.event] : []))
    t.strictSame(events, ['overwritten', 'restored'], what)
  }
})

await t.test('a shortage of watches is said as one', async t => {
  const told: Told[] = []
  const watching = { ...watchingWith(() => []), next: async () => ({ all: [], isOverflow: false, isShort: true }) }
  const options = { workspace: t.testdir({}), allow: [], procRoot: undefined, netns: undefined, toolFolders: [] }
  const engine = new Engine({ ...options, isConfined: false }, watching, one => told.push(one))
  await engine.step()
  t.match(told, [{ tell: 'alarm', kind: 'unwatched', note: /max_user_watches/, isBlind: false }])
})

await t.test('sparse files: nothing beyond its bound is read', async t => {
  const folder = t.testdir({ 'a.sample': '', small: 'x', large: '' })
  truncateSync(`${folder}/a.sample`, terabytes)
  truncateSync(`${folder}/large`, terabytes)
  const budget = { bytes: 2 }
  t.equal(atOnce(blobAt(`${folder}/large`, 'sha1', budget)), undefined)
  t.match(atOnce(blobAt(`${folder}/small`, 'sha1', budget)), /^[0-9a-f]{40}$/)
  t.equal(budget.bytes, 1, 'what was read is taken from it')
  const file = {
    path: 'large',
    id: '0'.repeat(40),
    kind: 'file',
    format: 'sha1',
    isText: false,
    isUnknown: false,
  } as const
  t.match(atOnce(lookAt(folder, file)), { isUnread: true, isRight: false })

  const hooks = new Snapshot(folder, true, name => !name.endsWith('.sample'))
  t.strictSame(hooks.differences({ bytes: mebibyte }), [])
  chmodSync(`${folder}/large`, 0o755)
  chmodSync(`${folder}/small`, 0o755)
  truncateSync(`${folder}/a.sample`, terabytes - 1)
  t.match(
    hooks.differences({ bytes: mebibyte }),
    [{ path: `${folder}/large`, kind: 'changed', before: undefined, after: undefined }],
    'of what was never read nobody knows that it is the same',
  )
})

t.test('a folder among hooks is none of them', t => {
  const folder = t.testdir({ sub: {} })
  const hooks = new Snapshot(folder, true)
  writeFileSync(`${folder}/sub/x`, '')
  t.strictSame(hooks.differences({ bytes: mebibyte }), [])
  t.end()
})

await t.test('sentences of the job’s choosing: so many, so long', { skip: whyNoGit() }, async t => {
  const folder = t.testdir({})
  const told: string[] = []
  const repositories = new Repositories(
    folder,
    () => 0,
    text => told.push(text),
  )
  for (let turn = 0; turn < 100; turn += 1) {
    writeFileSync(`${folder}/.git`, `gitdir: /${'x'.repeat(3_000)}${turn}\n`)
    repositories.look()
    repositories.look()
  }
  t.equal(told.length, 64)
  t.ok(told.every(text => text.length <= 512))
})

t.test('alarms of what is not watched are bounded; the first that blinds is told', t => {
  const told: Told[] = []
  const telling = new Telling(one => told.push(one))
  for (let turn = 0; turn < 100; turn += 1) telling.unwatched(`a ${turn}`)
  t.equal(told.length, 50)
  t.match(told.at(-1), { note: /^more/ })
  telling.unwatched('b', true)
  telling.unwatched('c', true)
  telling.lost(2)
  t.match(told.slice(50), [{ note: 'b', isBlind: true }, { note: /2 times/ }])
  t.equal(told.length, 52)
  const added = new Added('/', () => 0)
  for (let turn = 0; turn < 10_002; turn += 1) added.notice(`f${turn}`, undefined)
  t.strictSame([added.takeOverflow(), added.takeOverflow()], [true, false])
  added.notice('one more', undefined)
  t.equal(added.takeOverflow(), false, 'it was said')
  t.end()
})

t.test('files that may not be read are each named once', t => {
  const told: Told[] = []
  const unread = new UnreadFiles(new Telling(one => told.push(one)))
  for (let turn = 0; turn < 5; turn += 1) unread.add(new Set(turn === 0 ? ['a'] : ['a', 'b']))
  unread.end()
  t.match(told, [{ note: /not read a:/ }, { note: /not read b either/ }])
  t.equal(told.length, 2)
  t.end()
})

t.test('a name that is too long for the kernel to say', t => {
  const folder = t.testdir({})
  const long = Array.from({ length: 10 }, () => 'x'.repeat(200)).join('/')
  mkdirSync(`${folder}/${long}`, { recursive: true })
  symlinkSync(long, `${folder}/link`)
  // By the shell, from folder to folder: no call takes the whole.
  const steps = `cd -P ${folder}/link && mkdir -p ${long} && cd -P ${long} && echo x > f`
  execFileSync('sh', ['-c', steps])
  const short = `${folder}/link/${long}`
  t.equal(openPlain(`${short}/f`, true), 'elsewhere')
  t.strictSame(namesIn(short, true), undefined)
  confineTo(folder)
  t.equal(openPlain(`${short}/f`), 'missing')
  confineTo(undefined)
  // As tap cannot.
  execFileSync('rm', ['-rf', folder])
  t.end()
})

t.test('no link is read through a folder that is one', t => {
  const folder = t.testdir({ work: {}, outside: {} })
  symlinkSync('secret', `${folder}/outside/l`)
  symlinkSync('../outside', `${folder}/work/d`)
  const link = { path: 'd/l', id: '', kind: 'link', format: 'sha1', isText: false, isUnknown: false } as const
  t.match(atOnce(lookAt(`${folder}/work`, link)), { id: undefined, isRight: false })
  t.match(atOnce(lookAt(`${folder}/work`, { ...link, kind: 'file' })), { id: undefined, isRight: false })
  const blob = (): string | undefined => atOnce(blobAt(`${folder}/work/d/l`, 'sha1', { bytes: 1 }))
  t.match(blob(), /^[0-9a-f]{40}$/, 'where all is the job’s')
  t.teardown(() => confineTo(undefined))
  confineTo(`${folder}/work`)
  t.equal(blob(), undefined)
  t.match(atOnce(blobAt(`${folder}/work/d`, 'sha1', { bytes: 1 })), /^[0-9a-f]{40}$/, 'its own')
  t.end()
})

t.test('realPath(): what is not there yet, below a link', t => {
  const folder = t.testdir({ real: {} })
  symlinkSync('real', `${folder}/link`)
  t.equal(realPath(`${folder}/link/a/b/`), `${folder}/real/a/b`)
  t.equal(realPath(`${folder}/link`), `${folder}/real`)
  t.end()
})
