import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { checkpoint } from '../../../gateway/cli/checkpoint.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import { readTar } from '../../../gateway/integrity/archive/tar.ts'
import { captureIo, type CapturedIo } from '../cli/capture-io.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

const skip = whyNoGit()

/** A repository, and a folder with what `git archive` makes of it, to be tampered with. */
function released(t: { testdir(content: Record<string, never>): string }): {
  folder: string
  tree: string
  base: string
} {
  const base = t.testdir({})
  const folder = `${base}/repo`
  mkdirSync(folder)
  git(folder, 'init', '-q', '-b', 'main')
  write(folder, {
    'configure.ac': 'AC_INIT\n',
    'src/main.c': 'int main;\n',
    'm4/ok.m4': 'dnl\n',
    [`deep/${'long-name-'.repeat(14)}.txt`]: 'x',
  })
  symlinkSync('src/main.c', `${folder}/link`)
  commitAll(folder)
  git(folder, 'tag', 'v1')
  git(folder, 'archive', '--prefix=app-1/', '-o', `${base}/clean.tar.gz`, 'HEAD')
  execFileSync('tar', ['xzf', `${base}/clean.tar.gz`, '-C', base])
  return { folder, tree: `${base}/app-1`, base }
}

function ioAt(cwd: string): CapturedIo {
  return { ...captureIo(), cwd }
}

async function compare(
  folder: string,
  archive: string,
  ...more: readonly string[]
): Promise<[number, readonly string[]]> {
  const io = ioAt(folder)
  const code = await checkpoint.run(['--manifest', archive, ...more], io)
  return [code, io.out().split('\n').filter(Boolean)]
}

await t.test('an archive that is what its commit says', { skip }, async t => {
  const { folder, base } = released(t)
  t.strictSame(await compare(folder, `${base}/clean.tar.gz`), [0, []])
  t.strictSame(await compare(folder, `${base}/clean.tar.gz`, '--commit', 'v1'), [0, []])
  execFileSync('tar', ['cf', `${base}/plain.tar`, '-C', base, 'app-1'])
  t.strictSame(await compare(folder, `${base}/plain.tar`), [0, []], 'not packed, with folders')
  for (const format of ['gnu', 'pax']) {
    execFileSync('tar', ['cf', `${base}/${format}.tar`, `--format=${format}`, '-C', `${base}/app-1`, '.'])
    t.strictSame(await compare(folder, `${base}/${format}.tar`), [0, []], format)
  }
})

await t.test('the XZ case: a file that is not in git, and one that is another', { skip }, async t => {
  const { folder, tree, base } = released(t)
  writeFileSync(`${tree}/m4/build-to-host.m4`, 'evil')
  writeFileSync(`${tree}/src/main.c`, 'evil')
  chmodSync(`${tree}/src/main.c`, 0o755)
  linkSync(`${tree}/src/main.c`, `${tree}/src/other.c`)
  for (const [option, name] of [
    ['z', 'x.tar.gz'],
    ['J', 'x.tar.xz'],
    ['', 'x.tar'],
  ] as const) {
    execFileSync('tar', [`c${option}f`, `${base}/${name}`, '-C', base, '--sort=name', 'app-1'])
    t.strictSame(await compare(folder, `${base}/${name}`), [
      1,
      ['not in git  m4/build-to-host.m4', 'differs     src/main.c', 'not in git  src/other.c'],
    ])
  }
  t.match(await compare(folder, `${base}/x.tar`, '--allow', 'm4/*.m4', '--allow', 'other.c'), [
    1,
    ['differs     src/main.c'],
  ])
})

await t.test('a link in the place of a file is another', { skip }, async t => {
  const { folder, tree, base } = released(t)
  execFileSync('rm', [`${tree}/src/main.c`])
  symlinkSync('/etc/passwd', `${tree}/src/main.c`)
  execFileSync('tar', ['cf', `${base}/x.tar`, '-C', base, 'app-1'])
  t.strictSame(await compare(folder, `${base}/x.tar`), [1, ['differs     src/main.c']])
})

await t.test('what cannot be compared is said in one line', { skip }, async t => {
  const { folder, base } = released(t)
  const code = 'SOURCE_UNREADABLE'
  writeFileSync(`${base}/text`, 'no archive'.repeat(200))
  await t.rejects(compare(folder, `${base}/text`), { code })
  await t.rejects(compare(folder, `${base}/missing`), { code })
  await t.rejects(compare(folder, base), { code })
  await t.rejects(compare(base, `${base}/clean.tar.gz`), { code }, 'no repository')
  await t.rejects(compare(folder, `${base}/clean.tar.gz`, '--commit', 'v2'), { code })
  await t.rejects(checkpoint.run(['--commit', 'v1'], ioAt(folder)), { code: 'USAGE' })
  await t.rejects(checkpoint.run(['nowhere'], ioAt(folder)), { code: 'USAGE' })
  await t.rejects(checkpoint.run([], ioAt(folder)), { code: 'GATEWAY_UNREACHABLE' })
  execFileSync('sh', ['-c', `gunzip -c clean.tar.gz > two.tar && gunzip -c clean.tar.gz >> two.tar`], { cwd: base })
  await t.rejects(compare(folder, `${base}/two.tar`), { code }, 'a second archive behind the first')
  const whole = readFileSync(`${base}/clean.tar.gz`)
  for (const cut of [20, whole.length >> 1, whole.length - 1]) {
    writeFileSync(`${base}/cut`, whole.subarray(0, cut))
    await t.rejects(compare(folder, `${base}/cut`), { code }, `cut at ${cut}`)
  }
})

await t.test('no bytes make the reader throw anything else, or give a file twice its length', { skip }, async t => {
  const { base } = released(t)
  execFileSync('tar', ['cf', `${base}/x.tar`, '--format=pax', '-C', base, 'app-1'])
  const right = readFileSync(`${base}/x.tar`)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(right.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, change, isCut) => {
        const wrong = Buffer.from(isCut ? right.subarray(0, at) : right)
        if (!isCut) wrong[at] = (wrong[at] ?? 0) ^ change
        try {
          for await (const { content, size } of readTar(pieces(wrong))) {
            let length = 0
            for await (const piece of content) length += piece.length
            if (length !== size) return false
          }
          return true
        } catch (cause) {
          return cause instanceof GatewayError && cause.code === 'SOURCE_UNREADABLE'
        }
      },
    ),
    { numRuns: 300 },
  )
})

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700)
}
