import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { mkdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { Attributes } from '../../../gateway/integrity/attributes.ts'
import { matchesGlob, matchesName, parseGlob } from '../../../gateway/integrity/glob.ts'
import { allowedOutputs, Ignored } from '../../../gateway/integrity/ignored.ts'
import { git, whyNoGit, write } from './real-git.ts'

function ignoredBy(files: Readonly<Record<string, string>>): Ignored {
  return new Ignored(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])))
}

/** Which of these paths git ignores; a slash at the end says that it is a folder. */
function gitIgnores(folder: string, paths: readonly string[]): ReadonlySet<string> {
  const { stdout } = spawnSync('git', ['check-ignore', '--no-index', '-z', '--stdin'], {
    cwd: folder,
    input: paths.join('\0'),
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' },
  })
  return new Set(stdout.toString().split('\0').filter(Boolean))
}

const cases: readonly (readonly [pattern: string, path: string, isIgnored: boolean])[] = [
  ['*.o', 'a.o', true],
  ['*.o', 'deep/er/a.o', true],
  ['*.o', 'a.o/inside', true],
  ['/a', 'a', true],
  ['/a', 'b/a', false],
  ['a/b', 'a/b', true],
  ['a/b', 'x/a/b', false],
  ['**/b', 'x/a/b', true],
  ['**/b', 'b', true],
  ['a/**', 'a/x/y', true],
  ['a/**', 'a', false],
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['build/', 'build/x', true],
  ['build/', 'build', false],
  ['x?z', 'xyz', true],
  ['x?z', 'x/z', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['\\!a', '!a', true],
  ['\\#a', '#a', true],
  ['#a', '#a', false],
  ['a ', 'a', true],
  ['a\\ ', 'a ', true],
  ['*', '.git', true],
  ['*.c\n!a.c', 'a.c', false],
  ['*.c\n!a.c', 'b.c', true],
  ['d/\n!d/a', 'd/a', true],
]

await t.test('what git ignores', t => {
  for (const [pattern, path, isIgnored] of cases) {
    t.equal(ignoredBy({ '.gitignore': pattern }).has(path, false), isIgnored, `${JSON.stringify(pattern)}: ${path}`)
  }
  const nested = ignoredBy({ '.gitignore': '*.log\n', 'keep/.gitignore': '!*.log\n/own\n' })
  t.ok(nested.has('a.log', false))
  t.notOk(nested.has('keep/a.log', false))
  t.ok(nested.has('keep/own', true))
  t.notOk(nested.has('own', true))
  t.end()
})

await t.test('is the same as what git says', { skip: whyNoGit() }, async t => {
  const folder = t.testdir({})
  git(folder, 'init', '-q')
  const name = fc.constantFrom('a', 'b', 'ab', 'a.c', 'b.o', '.x')
  const part = fc.constantFrom('a', 'b', '*', '?', 'a*', '*.c', '**', '[ab]', '[!a]', '*b*')
  const pattern = fc
    .tuple(
      fc.constantFrom('', '!'),
      fc.constantFrom('', '/'),
      fc.array(part, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('', '/'),
    )
    .map(([not, start, parts, end]) => `${not}${start}${parts.join('/')}${end}`)
  const paths = fc.array(
    fc.array(name, { minLength: 1, maxLength: 4 }).map(names => names.join('/')),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), paths, (patterns, wanted) => {
      // git looks at the disk for what is a folder: nothing is there, so these are files, and what is above them folders.
      const text = patterns.join('\n')
      write(folder, { '.gitignore': text })
      const theirs = gitIgnores(folder, wanted)
      const ours = ignoredBy({ '.gitignore': text })
      return wanted.every(path => ours.has(path, false) === theirs.has(path))
    }),
    { numRuns: 300 },
  )
})

await t.test('no pattern takes long', t => {
  const started = performance.now()
  t.notOk(matchesName(`${'*a'.repeat(2_000)}b`, 'a'.repeat(4_000)))
  const glob = parseGlob(`${'**/a/'.repeat(500)}b`)
  t.ok(glob !== undefined && !matchesGlob(glob, 'a/'.repeat(1_000).slice(0, -1), false))
  t.ok(performance.now() - started < 20_000, 'polynomial, where a regular expression would never end')
  t.end()
})

await t.test('declared outputs', t => {
  const allowed = allowedOutputs(['dist/**', '*.log', 'gen/*.go'])
  for (const path of ['dist/a', 'dist/a/b', 'x/y.log', 'gen/a.go']) t.ok(allowed(path, false), path)
  for (const path of ['src/a', 'dist2/a', 'gen/a.c', 'gen/x/a.go']) t.notOk(allowed(path, false), path)
  t.ok(allowed('dist', true), 'the folder itself')
  t.notOk(allowed('dist', false), 'no file in its place')
  t.notOk(allowedOutputs([])('a', false))
  t.end()
})

await t.test('what git converts', { skip: whyNoGit() }, t => {
  const text =
    '*.bin filter=lfs diff=lfs merge=lfs -text\n*.txt text eol=crlf\n*.id ident\n*.key filter=crypt\nsub/plain.txt -text -eol\n'
  const attributes = new Attributes(new Map([['.gitattributes', Buffer.from(text)]]))
  const folder = t.testdir({})
  mkdirSync(`${folder}/sub`)
  git(folder, 'init', '-q')
  write(folder, { '.gitattributes': text })
  for (const path of ['a.bin', 'sub/b.txt', 'sub/plain.txt', 'x.id', 'y.key', 'z.c']) {
    const said = git(folder, 'check-attr', 'filter', 'text', 'eol', 'ident', '--', path)
    const value = (name: string): string => new RegExp(`: ${name}: (.*)$`, 'm').exec(said)?.[1] ?? ''
    const isOn = (name: string): boolean => !['unset', 'unspecified'].includes(value(name))
    t.strictSame(
      attributes.conversionOf(path),
      {
        isLfs: value('filter') === 'lfs',
        isText: isOn('text') || isOn('eol'),
        isUnknown: isOn('ident') || (isOn('filter') && value('filter') !== 'lfs'),
      },
      path,
    )
  }
  t.end()
})
