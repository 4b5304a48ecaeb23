import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openRunFolder, prepareRunFolder } from '../../../gateway/serve/run-folder.ts'

/** A `testdir` is too deep for a socket. */
function folder(test: Test): string {
  const made = mkdtempSync('/tmp/tidegate-test-')
  test.teardown(() => rmSync(made, { recursive: true }))
  return made
}

t.test('openRunFolder(): the gate is there and closed; open() names one wire; the end leaves nothing', async t => {
  const path = `${folder(t)}/jobs/one`
  {
    using folder = openRunFolder(path)
    t.strictSame(readdirSync(path), ['wait'])
    t.equal(statSync(`${path}/wait`).mode & 0o777, 0o755)
    folder.open('02:01:aa:bb:cc:dd')
    t.equal(readFileSync(`${path}/ready`, 'utf8'), '02:01:aa:bb:cc:dd\n')
    t.strictSame(readdirSync(path), ['ready', 'wait'], 'no drafts')
    folder.close()
    t.strictSame(readdirSync(path), ['wait'])
    folder.close()
  }
  t.equal(existsSync(path), false)
})

t.test('openRunFolder(): what an earlier gateway left is gone before anything else', async t => {
  const path = folder(t)
  writeFileSync(`${path}/ready`, '02:01:00:00:00:01\n')
  writeFileSync(`${path}/ca.crt`, 'old')
  mkdirSync(`${path}/deeper`)
  writeFileSync(`${path}/deeper/file`, 'x')
  using _folder = openRunFolder(path)
  t.strictSame(readdirSync(path), ['wait'])
})

t.test('openRunFolder(): a folder that was there stays, with its closed gate: somebody may hold it', async t => {
  const path = folder(t)
  const { ino } = statSync(path)
  {
    using folder = openRunFolder(path)
    folder.open('02:01:aa:bb:cc:dd')
    writeFileSync(`${path}/ca.crt`, 'x')
    mkdirSync(`${path}/deeper`)
  }
  t.strictSame(readdirSync(path), ['wait'])
  t.equal(statSync(path).ino, ino)
})

t.test('prepareRunFolder(): a closed gate, and nothing more', async t => {
  const path = `${folder(t)}/jobs/one`
  prepareRunFolder(path)
  t.strictSame(readdirSync(path), ['wait'])
})

t.test('openRunFolder(): where it cannot write it says so', async t => {
  t.throws(() => openRunFolder('/etc/passwd/tidegate'), { code: 'OUT_UNWRITABLE' })
  t.throws(() => openRunFolder(`/tmp/${'x'.repeat(100)}`), { code: 'OUT_UNWRITABLE' }, 'no room for a socket')
})
