import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { atOnce, lookAt, type Expected, type Found } from '../../../gateway/integrity/content.ts'

const blob = (text: string): string =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex')

const expected: Expected = {
  path: 'a.bin',
  kind: 'file',
  format: 'sha1',
  id: blob('pointer'),
  lfs: createHash('sha256').update('large file').digest('hex'),
  isText: false,
  isUnknown: false,
}

await t.test('a look says whether what it saw before was the beginning', async t => {
  const root = t.testdir({})
  const look = (was?: Found): Found => atOnce(lookAt(root, expected, was))
  const hold = (text: string): void => writeFileSync(`${root}/a.bin`, text)
  const seen = (text: string): Found => {
    hold(text)
    return look()
  }
  const missing = look()
  const parts = ['', 'l', 'large f', 'large file'].map(seen)
  t.strictSame(
    parts.map(({ id, isRight, bytes }) => [id, isRight, bytes]),
    [
      [blob(''), false, 0],
      [blob('l'), false, 1],
      [blob('large f'), false, 7],
      [blob('large file'), true, 10],
    ],
  )
  for (const part of [missing, ...parts.slice(0, 3)]) t.equal(look(part).isGrown, true, `${part.bytes}`)
  for (const text of ['evil', 'large F', 'large file, and more']) {
    const other = seen(text)
    hold('large file')
    t.equal(look(other).isGrown, false, text)
    t.equal(look(other).isRight, true)
  }
  const pointer = seen('pointer')
  t.ok(pointer.isRight)
  hold('pointer, and more')
  t.equal(look(pointer).isGrown, false, 'what is right begins nothing')

  await t.test('nor does a link', async t => {
    rmSync(`${root}/a.bin`)
    symlinkSync('large', `${root}/a.bin`)
    const link = look()
    t.equal(link.isRight, false)
    rmSync(`${root}/a.bin`)
    hold('large file')
    t.not(look(link).isGrown, true)
  })

  await t.test('nor does what can be read though it is no file of ours, or what was gone only after it', async t => {
    rmSync(`${root}/a.bin`)
    execFileSync('mkfifo', [`${root}/a.bin`])
    const fifo = look(missing)
    rmSync(`${root}/a.bin`)
    const gone = look(look(fifo))
    hold('large file')
    for (const was of [fifo, gone]) {
      t.match(was, { id: undefined, isRight: false })
      t.equal(look(was).isGrown, false)
    }

    const inFolder = { ...expected, path: 'src/a.bin' }
    mkdirSync(`${root}/evil`)
    writeFileSync(`${root}/evil/a.bin`, 'evil')
    symlinkSync('evil', `${root}/src`)
    const through = atOnce(lookAt(root, inFolder))
    t.match(through, { id: undefined, isRight: false })
    rmSync(`${root}/src`)
    renameSync(`${root}/evil`, `${root}/src`)
    t.equal(atOnce(lookAt(root, inFolder, through)).isGrown, false, 'through a folder that is a link')
  })

  await t.test('over the bounds of what is read at once', async t => {
    const large = 'x'.repeat(9_000_000)
    const half = seen(large.slice(0, 8_500_000))
    const other = seen(`${large.slice(0, 8_499_999)}y`)
    hold(large)
    t.equal(look(half).isGrown, true)
    t.equal(look(other).isGrown, false)
    t.equal(look(half).id, blob(large))
  })
})
