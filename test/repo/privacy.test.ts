import { execFileSync } from 'node:child_process'
import t from 'tap'
import { files, text } from './tree.ts'

await t.test('the lock file names no hosts', async t => {
  const lock = text('package-lock.json')
  t.notMatch(lock, /"resolved"/)
  t.notMatch(
    lock,
    /https?:\/\/(?!(?:github\.com|opencollective|feross|www\.patreon|tidelift|paulmillr|dotenvx)[^"]*")[^"]*\.tgz/,
  )
})

await t.test("no file names the host of this machine's npm registry", async t => {
  // Learned from the tool, so that the name does not stand here either.
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const { hostname } = new URL(registry)
  t.ok(hostname.includes('.'), 'npm has a registry')
  // The default is nobody's mirror, and the gateway recognises it by name.
  if (hostname === 'registry.npmjs.org') return
  t.strictSame(
    files().filter(name => name !== 'package-lock.json' && text(name).includes(hostname)),
    [],
  )
})

await t.test('no file names a path of the machine it was written on', async t => {
  const paths = /\/(?:home|Users)\/[a-z]+\/|(?:^|[\s'"`(=:])\/root\/[a-z.]|(?:^|[^a-z])\/work\/(?:main|shared)/
  t.strictSame(
    files().filter(name => name !== 'test/repo/privacy.test.ts' && paths.test(text(name))),
    [],
  )
})
