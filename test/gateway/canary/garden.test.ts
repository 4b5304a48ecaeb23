import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import { openGarden } from '../../../gateway/canary/garden.ts'
import type { DecoyFile } from '../../../gateway/canary/plant.ts'

const files: readonly DecoyFile[] = [
  { path: '.aws/credentials', text: '[archive]\nkey = one\n' },
  { path: '.npmrc', text: '//npm.archive.example/:_authToken=two\n' },
]

interface Rig {
  readonly home: string
  readonly journals: string
  readonly warnings: readonly string[]
  open(): ReturnType<typeof openGarden>
}

function rig(dir: string): Rig {
  const home = `${dir}/home`
  const journals = `${dir}/journals`
  mkdirSync(home)
  const warnings: string[] = []
  return {
    home,
    journals,
    warnings,
    open: () => openGarden(home, files, { journals, onWarning: text => warnings.push(text) }),
  }
}

t.test('openGarden(): plants what is missing, and takes it and its folder away again', async t => {
  const { home, journals, warnings, open } = rig(t.testdir())
  {
    using garden = open()
    t.same(garden.planted, ['.aws/credentials', '.npmrc'])
    t.equal(readFileSync(`${home}/.aws/credentials`, 'utf8'), files[0]?.text)
    t.equal(statSync(`${home}/.aws/credentials`).mode & 0o777, 0o600)
    t.equal(statSync(`${home}/.aws`).mode & 0o777, 0o700)
    t.equal(readdirSync(journals).length, 1)
  }
  t.same(readdirSync(home), [])
  t.same(readdirSync(journals), [])
  t.same(warnings, [])
})

t.test('openGarden(): what the home has stays as it is, a folder of its own too', async t => {
  const { home, open } = rig(t.testdir())
  mkdirSync(`${home}/.aws`)
  writeFileSync(`${home}/.npmrc`, 'own\n')
  {
    using garden = open()
    t.same(garden.planted, ['.aws/credentials'])
  }
  t.same(readdirSync(home).toSorted(), ['.aws', '.npmrc'])
  t.equal(readFileSync(`${home}/.npmrc`, 'utf8'), 'own\n')
})

t.test('openGarden(): what a tool wrote into a planted file stays, ours goes', async t => {
  const { home, open } = rig(t.testdir())
  const garden = open()
  writeFileSync(`${home}/.aws/credentials`, `[default]\nkey = real\n${files[0]?.text}region = x\n`)
  // As most tools write: a new file in the place of the old one.
  writeFileSync(`${home}/.npmrc.new`, `fund=false\n${files[1]?.text}`)
  renameSync(`${home}/.npmrc.new`, `${home}/.npmrc`)
  garden[Symbol.dispose]()
  t.equal(readFileSync(`${home}/.aws/credentials`, 'utf8'), '[default]\nkey = real\nregion = x\n')
  t.equal(readFileSync(`${home}/.npmrc`, 'utf8'), 'fund=false\n')
})

t.test('openGarden(): a file that was written anew, or is gone, is left alone', async t => {
  const { home, open, warnings } = rig(t.testdir())
  const garden = open()
  writeFileSync(`${home}/.npmrc`, 'other\n')
  renameSync(`${home}/.aws`, `${home}/moved`)
  garden[Symbol.dispose]()
  t.equal(readFileSync(`${home}/.npmrc`, 'utf8'), 'other\n')
  t.same(warnings, [])
})

t.test('openGarden(): follows no link, neither to plant nor to take away', async t => {
  const dir = t.testdir({ precious: {} })
  const { home, open, warnings } = rig(dir)
  symlinkSync(`${dir}/precious`, `${home}/.aws`)
  symlinkSync(`${dir}/precious/npmrc`, `${home}/.npmrc`)
  {
    using garden = open()
    t.same(garden.planted, [])
  }
  t.same(readdirSync(`${dir}/precious`), [])

  const second = rig(t.testdir({ precious: {}, target: files[1]?.text ?? '' }))
  const other = `${second.home}/..`
  const garden = second.open()
  renameSync(`${second.home}/.aws`, `${other}/precious/aws`)
  symlinkSync(`${other}/precious/aws`, `${second.home}/.aws`)
  renameSync(`${second.home}/.npmrc`, `${other}/precious/npmrc`)
  linkSync(`${other}/target`, `${second.home}/.npmrc`)
  garden[Symbol.dispose]()
  t.equal(readFileSync(`${other}/precious/aws/credentials`, 'utf8'), files[0]?.text, 'behind a link')
  t.equal(readFileSync(`${other}/target`, 'utf8'), files[1]?.text, 'a second name of another file')
  t.ok(existsSync(`${second.home}/.npmrc`))
  t.same([...warnings, ...second.warnings], [])
})

t.test('openGarden(): what a killed gateway left is taken away by the next, a living one’s is not', async t => {
  const { home, journals, open } = rig(t.testdir())
  mkdirSync(journals)
  const left = (name: string, pid: number, startTime: string): void => {
    writeFileSync(`${home}/${name}`, 'left behind\n')
    const planted = [{ path: name, text: 'left behind\n', hadFolder: true }]
    writeFileSync(`${journals}/${name}`, JSON.stringify({ owner: { pid, startTime }, home, files: planted }))
  }
  left('dead', process.pid, '1')
  const stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1')
  left('alive', process.pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '')
  writeFileSync(`${journals}/half`, '{"owner":')
  open()[Symbol.dispose]()
  t.same(readdirSync(home), ['alive'])
  t.same(readdirSync(journals).toSorted(), ['alive', 'half'])
})

t.test('openGarden(): a home that is not there, or cannot be written, is one warning and no failure', async t => {
  const dir = t.testdir({ file: '' })
  for (const home of [`${dir}/missing`, `${dir}/file`]) {
    const warnings: string[] = []
    using garden = openGarden(home, files, { journals: `${dir}/journals`, onWarning: text => warnings.push(text) })
    t.same(garden.planted, [])
    t.equal(warnings.length, 1)
  }
})
