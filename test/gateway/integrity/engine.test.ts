import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Engine } from '../../../gateway/integrity/engine.ts'
import type { CheckpointAnswer } from '../../../gateway/control/source-requests.ts'
import type { Finding, Told } from '../../../gateway/integrity/messages.ts'
import { openFolderWatching } from '../../../gateway/integrity/watching.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

const skip = whyNoGit()

/** An engine at work in this process, by inotify: what needs root and names processes is in test/e2e. */
interface Rig extends AsyncDisposable {
  readonly told: readonly Told[]
  /** Findings so far, as event and path. */
  events(): readonly string[]
  findings(): readonly Finding[]
  /** Goes on until this holds, or for four seconds. */
  until(holds: () => boolean): Promise<void>
  settle(): Promise<void>
  checkpoint(folder?: string): Promise<CheckpointAnswer>
  finish(): Promise<void>
}

async function openRig(
  workspace: string,
  allow: readonly string[] = [],
  toolFolders: readonly string[] = [],
): Promise<Rig> {
  const told: Told[] = []
  const watching = openFolderWatching()
  const engine = new Engine(
    { workspace, allow, procRoot: undefined, netns: undefined, toolFolders, isConfined: false },
    watching,
    one => told.push(one),
  )
  await engine.start()
  const findings = (): readonly Finding[] => told.flatMap(one => (one.tell === 'finding' ? [one] : []))
  const run = async (forMs: number, holds: () => boolean): Promise<void> => {
    const end = Date.now() + forMs
    while (!holds() && Date.now() < end) await engine.step()
  }
  return {
    told,
    findings,
    events: () => findings().map(({ event, path }) => `${event} ${path}`),
    until: holds => run(4_000, holds),
    settle: () => run(1_200, () => false),
    checkpoint: folder => engine.checkpoint(folder),
    finish: () => engine.finish(),
    [Symbol.asyncDispose]: () => watching[Symbol.asyncDispose](),
  }
}

function repository(
  t: { testdir(content: Record<string, never>): string },
  files: Readonly<Record<string, string>>,
): string {
  const folder = t.testdir({})
  git(folder, 'init', '-q', '-b', 'main')
  write(folder, files)
  commitAll(folder)
  return folder
}

const blob = (text: string): string =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex')

await t.test('changed, put back, deleted, made again', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'good', 'd/b.c': 'b' })
  await using rig = await openRig(folder)
  writeFileSync(`${folder}/a.c`, 'evil')
  await rig.until(() => rig.events().length === 1)
  writeFileSync(`${folder}/a.c`, 'good')
  await rig.until(() => rig.events().length === 2)
  rmSync(`${folder}/d/b.c`)
  await rig.until(() => rig.events().length === 3)
  mkdirSync(`${folder}/x`)
  writeFileSync(`${folder}/x/b.c`, 'b')
  renameSync(`${folder}/x/b.c`, `${folder}/d/b.c`)
  await rig.until(() => rig.events().length >= 5)
  t.strictSame(
    rig.events().toSorted(),
    ['added-in-source x/', 'deleted d/b.c', 'overwritten a.c', 'restored a.c', 'restored d/b.c'].toSorted(),
  )
  const [first, second] = rig.findings()
  t.match(first, { before: blob('good'), after: blob('evil'), process: undefined })
  t.match(second, { before: blob('evil'), after: blob('good') })
  t.match(first?.alarm, /^a\.c was overwritten by a process that nobody saw; the source is commit [0-9a-f]{12}/)
  t.equal(rig.findings().find(({ event }) => event === 'added-in-source')?.alarm, undefined, 'no outputs are declared')
})

await t.test('what no notice tells of is found by looking, and at the end', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'good', 'b.c': 'good' })
  const rig = await openRig(folder)
  // Nobody watches any more: as when the kernel has no watches left.
  await rig[Symbol.asyncDispose]()
  writeFileSync(`${folder}/a.c`, 'evil')
  await rig.until(() => rig.events().length === 1)
  t.strictSame(rig.events(), ['overwritten a.c'])
  writeFileSync(`${folder}/b.c`, 'evil')
  writeFileSync(`${folder}/c.c`, 'new')
  await rig.finish()
  t.strictSame(rig.events(), ['overwritten a.c', 'overwritten b.c', 'added-in-source c.c'])
  t.match(rig.findings()[1]?.alarm, 'b.c was overwritten')
})

await t.test('a workspace that is not what its commit says is told at once', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'good', 'b.c': 'b' })
  writeFileSync(`${folder}/a.c`, 'evil')
  rmSync(`${folder}/b.c`)
  await using rig = await openRig(folder)
  t.strictSame(rig.events().toSorted(), ['deleted b.c', 'overwritten a.c'])
  t.match(
    rig.findings().find(({ path }) => path === 'a.c'),
    { before: blob('good'), after: blob('evil') },
  )
  t.match(await rig.checkpoint(), { ok: true, files: 2, changed: 2 })
  t.strictSame(rig.events().length, 2, 'and not again')
})

await t.test('git is quiet: branches, merges, commits; what it does not commit is not', { skip }, async t => {
  const folder = repository(t, { 'a.c': '1\n', 'b.c': 'b\n', 'gone.c': 'x' })
  git(folder, 'checkout', '-q', '-b', 'side')
  write(folder, { 'a.c': '2\n', 'new/n.c': 'n' })
  git(folder, 'rm', '-q', 'gone.c')
  commitAll(folder)
  git(folder, 'checkout', '-q', 'main')
  await using rig = await openRig(folder)
  for (const command of [
    ['checkout', '-q', 'side'],
    ['checkout', '-q', 'main'],
    ['merge', '-q', '--no-ff', '-m', 'm', 'side'],
  ]) {
    git(folder, ...command)
    await rig.settle()
  }
  t.strictSame(rig.events(), [])
  const baselines = rig.told.filter(({ tell }) => tell === 'baseline')
  t.equal(baselines.length, 4)
  t.match(baselines.at(-1), {
    commit: git(folder, 'rev-parse', 'HEAD').trim(),
    was: git(folder, 'rev-parse', 'HEAD^').trim(),
  })
  writeFileSync(`${folder}/new/n.c`, 'evil')
  await rig.until(() => rig.events().length === 1)
  t.strictSame(rig.events(), ['overwritten new/n.c'], 'the new baseline counts')
  await t.test('a lock that stays only delays', async t => {
    writeFileSync(`${folder}/.git/index.lock`, '')
    writeFileSync(`${folder}/b.c`, 'evil')
    await rig.settle()
    t.equal(rig.events().length, 1)
    await rig.finish()
    t.strictSame(rig.events(), ['overwritten new/n.c', 'overwritten b.c'])
  })
})

await t.test('what git rewrites is right: LFS, line ends, filters', { skip }, async t => {
  const content = 'large '.repeat(100)
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${createHash('sha256').update(content).digest('hex')}\nsize ${content.length}\n`
  const attributes = '*.bin filter=lfs -text\n*.txt text eol=crlf\n*.key filter=crypt\n'
  const folder = repository(t, { 'a.bin': pointer, 'b.txt': 'one\ntwo\n', 'c.key': 'secret', 'd.c': 'd\n' })
  // The attributes come after, so that git stores all as it is here.
  write(folder, { '.gitattributes': attributes })
  git(folder, 'add', '.gitattributes')
  git(folder, 'commit', '-q', '-m', 'x')
  write(folder, { 'a.bin': content, 'b.txt': 'one\r\ntwo\r\n', 'c.key': 'opened' })
  await using rig = await openRig(folder)
  t.strictSame(rig.events(), [])
  t.match(
    rig.told.find(({ tell }) => tell === 'baseline'),
    { note: /^1 files are rewritten by a filter/ },
  )
  write(folder, { 'a.bin': pointer })
  await rig.settle()
  t.strictSame(rig.events(), [], 'a pointer is what the commit holds')
  write(folder, { 'a.bin': 'evil', 'b.txt': 'one\r\nevil\r\n', 'c.key': 'evil', 'd.c': 'd\r\n' })
  await rig.until(() => rig.events().length === 4)
  t.strictSame(
    rig.events().toSorted(),
    ['a.bin', 'b.txt', 'c.key', 'd.c'].map(path => `overwritten ${path}`),
  )
})

await t.test('ignored by the commit, allowed by the policy; not by what the job writes', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'a', '.gitignore': '*.o\n', 'gen.c': 'g' })
  await using rig = await openRig(folder, ['out/**', 'gen.c', '*.log'])
  write(folder, { 'a.o': 'x', 'out/x/y.js': 'x', 'gen.c': 'other', 'sub.log': 'x', '.git/info/exclude': 'hidden.c\n' })
  await rig.settle()
  t.strictSame(rig.events(), [])
  write(folder, { 'hidden.c': 'evil', '.gitignore': '*\n' })
  await rig.until(() => rig.events().length === 2)
  t.strictSame(rig.events().toSorted(), ['added-in-source hidden.c', 'overwritten .gitignore'])
  t.match(
    rig.findings().find(({ path }) => path === 'hidden.c'),
    { after: blob('evil'), alarm: /^hidden\.c was added/ },
  )
})

await t.test('hooks; but not those of Git LFS', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'a' })
  const hooks = `${folder}/.git/hooks`
  mkdirSync(hooks, { recursive: true })
  const lfs = (name: string): string =>
    `#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 || { printf >&2 "\\n%s\\n\\n" "This repository is configured for Git LFS but 'git-lfs' was not found on your path. If you no longer wish to use Git LFS, remove this hook by deleting the '${name}' file in the hooks directory (set by 'core.hookspath'; usually '.git/hooks')."; exit 2; }\ngit lfs ${name} "$@"\n`
  await using rig = await openRig(folder)
  writeFileSync(`${hooks}/pre-push`, lfs('pre-push'))
  writeFileSync(`${hooks}/other.sample`, 'x')
  git(folder, 'config', 'user.name', 'x')
  await rig.settle()
  t.strictSame(rig.events(), [])
  writeFileSync(`${hooks}/pre-push`, `${lfs('pre-push')}curl https://evil.test\n`)
  await rig.until(() => rig.events().length === 1)
  writeFileSync(`${hooks}/post-merge`, 'evil')
  await rig.until(() => rig.events().length === 2)
  git(folder, 'config', 'core.hooksPath', '/tmp/x')
  await rig.until(() => rig.events().length === 3)
  t.strictSame(rig.events(), [
    'hook-changed .git/hooks/pre-push',
    'hook-changed .git/hooks/post-merge',
    'hook-changed .git/config',
  ])
})

await t.test('tools: changed, gone, or stood before; new ones are nothing to tell', { skip }, async t => {
  const base = t.testdir({ first: {}, second: { cc: 'cc', ld: 'ld' } })
  const folder = `${base}/work`
  mkdirSync(folder)
  git(folder, 'init', '-q')
  await using rig = await openRig(folder, [], [`${base}/first`, `${base}/second`, `${base}/missing`])
  writeFileSync(`${base}/first/brand-new`, 'x')
  await rig.settle()
  t.strictSame(rig.events(), [])
  writeFileSync(`${base}/first/cc`, 'evil')
  writeFileSync(`${base}/second/ld`, 'evil')
  await rig.until(() => rig.events().length === 2)
  unlinkSync(`${base}/second/cc`)
  await rig.until(() => rig.events().length === 3)
  t.strictSame(
    rig.events().toSorted(),
    [`tool-changed ${base}/first/cc`, `tool-changed ${base}/second/cc`, `tool-changed ${base}/second/ld`].toSorted(),
  )
  t.ok(
    rig.findings().every(({ alarm }) => alarm === undefined),
    'nobody was seen, so nobody is accused',
  )
})

await t.test('a broken repository is one sentence, again and again nothing', { skip }, async t => {
  const folder = repository(t, { 'a.c': 'a' })
  rmSync(`${folder}/.git/objects`, { recursive: true })
  await using rig = await openRig(folder)
  await rig.settle()
  const alarms = rig.told.filter(({ tell }) => tell === 'alarm')
  t.match(alarms, [{ kind: 'unwatched', note: /cannot be watched: git object [0-9a-f]{40} is not in the repository$/ }])
  t.equal(alarms.length, 1)
  t.match(await rig.checkpoint(), { ok: false })
  for (const head of ['ref: refs/heads/../../x\n', 'nonsense\n', '\0'.repeat(100)]) {
    chmodSync(`${folder}/.git/HEAD`, 0o644)
    writeFileSync(`${folder}/.git/HEAD`, head)
    await rig.until(() => rig.told.some(({ tell }) => tell === 'warning'))
  }
  await rig.finish()
  t.pass('it goes on')
})

await t.test('what lies elsewhere is not read', { skip }, async t => {
  const folder = repository(t, { 'src/a.c': 'a' })
  const outside = t.testdir({})
  await wait(0)
  t.match(await openRigOnce(folder, `${outside}/..`), { ok: false })
  const base = t.testdir({ real: {} })
  git(`${base}/real`, 'init', '-q', '-b', 'main')
  write(`${base}/real`, { 'src/a.c': 'a' })
  commitAll(`${base}/real`)
  await using rig = await openRig(`${base}/real`)
  renameSync(`${base}/real/src`, `${base}/away`)
  symlinkSync(`${base}/away`, `${base}/real/src`)
  await rig.until(() => rig.events().includes('deleted src/a.c'))
  t.ok(rig.events().includes('deleted src/a.c'), 'through a link it is another file, whatever it holds')
  t.equal(readFileSync(`${base}/real/src/a.c`, 'utf8'), 'a')
})

async function openRigOnce(workspace: string, folder: string): Promise<CheckpointAnswer> {
  return (await openRig(workspace)).checkpoint(folder)
}
