import fc from 'fast-check'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { deflateSync } from 'node:zlib'
import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import { applyDelta } from '../../../gateway/integrity/git/delta.ts'
import { findRepository, headCommit, type Repository } from '../../../gateway/integrity/git/repository.ts'
import { parseTree } from '../../../gateway/integrity/git/parse-objects.ts'
import { readCommit } from '../../../gateway/integrity/git/tracked-files.ts'
import { parseGitConfig } from '../../../gateway/integrity/git/config-file.ts'
import { commitAll, git, lsTree, whyNoGit, write } from './real-git.ts'

const skip = whyNoGit()

function repositoryAt(folder: string): Repository {
  const repository = findRepository(folder)
  if (repository === undefined) throw new Error(`no repository at ${folder}`)
  return repository
}

function ours(folder: string, revision = 'HEAD'): readonly string[] {
  return readCommit(repositoryAt(folder), revision)
    .files.map(({ path, id }) => `${path} ${id}`)
    .toSorted()
}

function made(
  t: { testdir(content: Record<string, never>): string },
  name = 'r',
  ...options: readonly string[]
): string {
  const folder = `${t.testdir({})}/${name}`
  mkdirSync(folder)
  git(folder, 'init', '-q', '-b', 'main', ...options)
  return folder
}

const code = 'SOURCE_UNREADABLE'

await t.test('a commit is read as git reads it', { skip }, async t => {
  const folder = made(t)
  write(folder, { 'a.c': 'a', 'd/e/f.c': 'f', 'x y\n"z': 'odd', 'run.sh': '#!/bin/sh\n' })
  chmodSync(`${folder}/run.sh`, 0o755)
  symlinkSync('a.c', `${folder}/link`)
  const commit = commitAll(folder)

  await t.test('loose', async t => {
    t.equal(headCommit(repositoryAt(folder)), commit)
    t.strictSame(ours(folder), lsTree(folder, commit))
    t.match(Object.fromEntries(readCommit(repositoryAt(folder), 'HEAD').files.map(({ path, kind }) => [path, kind])), {
      'a.c': 'file',
      'run.sh': 'executable',
      link: 'link',
    })
  })

  await t.test('packed, as deltas, with packed refs', async t => {
    // Many trees and files that differ a little: git makes chains of deltas of them.
    for (let round = 0; round < 30; round += 1) {
      write(folder, { [`many/${round}.txt`]: `${'line\n'.repeat(200)}${round}\n`, 'a.c': 'b\n'.repeat(round) })
      commitAll(folder, `round-${round}`)
    }
    git(folder, 'repack', '-adfq', '--depth=40', '--window=40')
    git(folder, 'pack-refs', '--all')
    git(folder, 'prune-packed')
    const head = git(folder, 'rev-parse', 'HEAD').trim()
    t.match(git(folder, 'count-objects', '-v'), /^count: 0$/m, 'nothing is loose')
    t.equal(headCommit(repositoryAt(folder)), head)
    t.strictSame(ours(folder), lsTree(folder, head))
    t.strictSame(ours(folder, commit), lsTree(folder, commit))
  })

  await t.test('by branch, tag and annotated tag', async t => {
    git(folder, 'tag', 'v1', commit)
    git(folder, 'tag', '-a', '-m', 'x', 'v2', commit)
    git(folder, 'branch', 'side/line', commit)
    for (const revision of ['v1', 'v2', 'side/line', 'refs/tags/v1', 'tags/v1', commit])
      t.equal(readCommit(repositoryAt(folder), revision).id, commit, revision)
    for (const revision of ['nothing', 'HEAD~1', '../HEAD', commit.slice(0, 12), '0'.repeat(40), ''])
      t.throws(() => readCommit(repositoryAt(folder), revision), { code }, revision)
  })

  await t.test('from a further worktree, a clone that borrows, and a shallow one', async t => {
    const base = t.testdir({})
    git(folder, 'worktree', 'add', '-q', `${base}/tree`, commit)
    t.strictSame(ours(`${base}/tree`), lsTree(folder, commit))
    git(base, 'clone', '-q', '--shared', folder, 'borrowing')
    git(base, 'clone', '-q', '--depth=1', `file://${folder}`, 'shallow')
    const head = git(folder, 'rev-parse', 'HEAD').trim()
    t.strictSame(ours(`${base}/borrowing`), lsTree(folder, head))
    t.strictSame(ours(`${base}/shallow`), lsTree(folder, head))
  })

  await t.test('before the first commit there is none', async t => {
    t.equal(headCommit(repositoryAt(made(t))), undefined)
    t.equal(findRepository(t.testdir({})), undefined)
  })
})

await t.test('objects named by SHA-256 are read as well', { skip }, async t => {
  const folder = made(t, 'r', '--object-format=sha256')
  write(folder, { a: '1', 'b/c': '2' })
  const commit = commitAll(folder)
  t.equal(commit.length, 64)
  t.strictSame(ours(folder), lsTree(folder, commit))
  git(folder, 'gc', '-q')
  t.strictSame(ours(folder), lsTree(folder, commit))
})

await t.test('submodules are part of it as far as they are there', { skip }, async t => {
  const base = t.testdir({})
  for (const name of ['inner', 'outer']) {
    mkdirSync(`${base}/${name}`)
    git(`${base}/${name}`, 'init', '-q', '-b', 'main')
  }
  write(`${base}/inner`, { 'i.c': 'inner' })
  commitAll(`${base}/inner`)
  write(`${base}/outer`, { 'o.c': 'outer' })
  git(`${base}/outer`, 'submodule', '--quiet', 'add', `${base}/inner`, 'vendor/inner')
  commitAll(`${base}/outer`)
  const { files, absent, submodules } = readCommit(repositoryAt(`${base}/outer`), 'HEAD')
  t.ok(files.some(({ path }) => path === 'vendor/inner/i.c'))
  t.strictSame([...submodules.keys()], ['vendor/inner'])
  t.strictSame(absent, [])
  git(base, 'clone', '-q', 'outer', 'without')
  t.strictSame(readCommit(repositoryAt(`${base}/without`), 'HEAD').absent, ['vendor/inner'])
})

await t.test('nothing is believed that the commit does not lead to', { skip }, async t => {
  const folder = made(t)
  write(folder, { 'a.c': 'a' })
  const commit = commitAll(folder)
  const tree = git(folder, 'rev-parse', 'HEAD^{tree}').trim()
  const objects = `${folder}/.git/objects`
  const place = `${objects}/${tree.slice(0, 2)}/${tree.slice(2)}`
  const right = readFileSync(place)
  const replace = (bytes: Buffer): void => {
    rmSync(place, { force: true })
    writeFileSync(place, bytes)
  }
  for (const [what, bytes] of [
    ['another tree', deflateSync(Buffer.from('tree 0\0'))],
    ['a wrong length', deflateSync(Buffer.from('tree 7\0'))],
    ['no deflate', Buffer.from('tree')],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    replace(bytes)
    t.throws(() => readCommit(repositoryAt(folder), commit), { code }, what)
  }
  replace(right)
  t.strictSame(ours(folder), lsTree(folder, commit))

  await t.test('nor is anything waited for', async t => {
    const { execFileSync } = await import('node:child_process')
    rmSync(place, { force: true })
    execFileSync('mkfifo', [place])
    t.throws(() => readCommit(repositoryAt(folder), commit), { code })
  })
})

await t.test('repositories of kinds that we do not know are named as such', { skip }, async t => {
  for (const setting of [
    'extensions.refstorage=reftable',
    'extensions.objectformat=md5',
    'core.repositoryformatversion=2',
  ]) {
    const folder = made(t)
    const [key = '', value = ''] = setting.split('=')
    git(folder, 'config', key, value)
    t.throws(() => findRepository(folder), { code }, setting)
  }
})

await t.test('a broken pack is an error and never more', { skip }, async t => {
  const folder = made(t)
  for (let round = 0; round < 5; round += 1) {
    write(folder, { 'a.c': `${'text '.repeat(50)}${round}`, [`f${round}`]: `${round}` })
    commitAll(folder)
  }
  git(folder, 'gc', '-q')
  const packs = `${folder}/.git/objects/pack`
  const before = ours(folder)
  for (const extension of ['pack', 'idx']) {
    const name = `${packs}/${readdirSync(packs).find(it => it.endsWith(`.${extension}`))}`
    const right = readFileSync(name)
    chmodSync(name, 0o644)
    fc.assert(
      fc.property(fc.nat(right.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, isCut) => {
        const wrong = Buffer.from(isCut ? right.subarray(0, at) : right)
        if (!isCut) wrong[at] = (wrong[at] ?? 0) ^ change
        renameSync(name, `${name}.right`)
        writeFileSync(name, wrong)
        try {
          // A byte that nobody reads changes nothing; any other is told.
          return JSON.stringify(ours(folder)) === JSON.stringify(before)
        } catch (cause) {
          return cause instanceof GatewayError && cause.code === code
        } finally {
          renameSync(`${name}.right`, name)
        }
      }),
      { numRuns: 150 },
    )
  }
  t.strictSame(ours(folder), before)
})

await t.test('deltas and trees that are none throw our error', async t => {
  const isOurs = (action: () => unknown): boolean => {
    try {
      action()
      return true
    } catch (cause) {
      return cause instanceof GatewayError && cause.code === code
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), (base, delta) =>
      isOurs(() => applyDelta(base, delta, 1_000)),
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), bytes => isOurs(() => parseTree('sha1', Buffer.from(bytes)))),
  )
  for (const name of ['..', '.', '', 'a/b', '.git', '.GIT']) {
    const tree = Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.alloc(20, 1)])
    t.throws(() => parseTree('sha1', tree), { code }, JSON.stringify(name))
  }
  t.end()
})

await t.test('a configuration is read as git reads it', { skip }, async t => {
  const folder = made(t)
  const text =
    '[core] hooksPath = "/a b" ; c\n[Core]\n\tfsmonitor\n[a "B\\"c"]\n  key = x\\ty "# z" # no\n  long = one \\\ntwo\n'
  writeFileSync(`${folder}/c`, text)
  const told = git(folder, 'config', '--file', 'c', '--list', '-z')
    .split('\0')
    .filter(line => line !== '')
    .map((line): readonly [string, string] => {
      const at = line.indexOf('\n')
      return at === -1 ? [line, 'true'] : [line.slice(0, at), line.slice(at + 1)]
    })
  t.strictSame([...parseGitConfig(text)], told)
})
