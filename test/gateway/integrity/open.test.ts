import t, { type Test } from 'tap'
import type { FailableHost } from '../../../gateway/insight/part.ts'
import { openIntegrity } from '../../../gateway/integrity/open.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Alarm } from '../../../gateway/record/event.ts'
import { commitAll, git, whyNoGit, write } from './real-git.ts'

/** A job in a container, and all that is said of it. */
function job(integrity: string, more: Partial<FailableHost> = {}) {
  const policy = parsePolicy(`version: 1\nmode: block\nintegrity: ${integrity}\n`, 'policy', () => undefined)
  const said = { alarms: new Array<Alarm>(), warnings: new Array<string>(), failed: new Array<string>() }
  const host: FailableHost = {
    job: 'build',
    policy: () => policy,
    cwd: undefined,
    out: '/',
    procRoot: undefined,
    environment: {},
    alarm: alarm => said.alarms.push(alarm),
    write: () => undefined,
    closeNetwork: () => t.fail('it closes no network'),
    onWarning: text => said.warnings.push(text),
    fail: why => said.failed.push(why),
    failures: () => said.failed,
    ...more,
  }
  return { host, said }
}

const commit = '0123456789'.repeat(4)
const archive = { archive: 'app.tar', commit, count: 2, paths: ['evil'] }
const failing = (why: string): string => `${why} (integrity.onChange: fail)`

t.test('openIntegrity(): nobody says where the workspace is: one clear line, and the job goes on', async t => {
  for (const [onChange, failed] of [
    ['report', []],
    ['fail', [failing('the sources were not watched'), failing('a source archive holds what its commit does not')]],
  ] as const) {
    const { host, said } = job(`{ onChange: ${onChange} }`)
    {
      await using part = await openIntegrity(host)
      t.match(await part.sources?.checkpoint(undefined), { ok: false, error: /workspaceDirectory/ })
      part.sources?.manifest(archive)
    }
    t.match(said.alarms, [{ kind: 'unwatched', note: /integrity\.workspace/ }, { kind: 'not-in-source' }])
    t.equal(said.warnings.length, 1)
    t.strictSame(said.failed, failed)
  }
})

async function unseen(t: Test, folder: string, why: RegExp): Promise<void> {
  const { host, said } = job(`{ workspace: ${folder}, onChange: fail }`)
  {
    await using part = await openIntegrity(host)
    t.match(await part.sources?.checkpoint(folder), { ok: false })
    t.strictSame(said.failed, [], 'it may come yet')
  }
  t.match(said.alarms, [{ kind: 'unwatched', note: why }])
  t.strictSame(said.failed, [failing('nothing was compared with a commit')])
}

t.test('openIntegrity(): a workspace that is not there, or is no repository, to the end', async t => {
  const folder = t.testdir({ empty: {}, broken: { '.git': { HEAD: 'nonsense\n' } } })
  await unseen(t, `${folder}/none`, /none was compared: there is no such file$/)
  await unseen(t, `${folder}/empty`, /empty was compared: no git repository with a commit was found in it$/)
  await unseen(t, `${folder}/broken`, /broken was compared: HEAD of .* names no commit$/)
})

t.test('openIntegrity(): what is wrong at a checkpoint fails the job once', { skip: whyNoGit() }, async t => {
  const folder = t.testdir({})
  git(folder, 'init', '-q', '-b', 'main')
  write(folder, { 'a.c': 'a', 'b.c': 'b' })
  commitAll(folder)
  const { host, said } = job('{ workspace: /src, onChange: fail }', { workspace: folder })
  {
    await using part = await openIntegrity(host)
    t.match(await part.sources?.checkpoint('/src'), { ok: true, files: 2, changed: 0, failed: undefined })
    write(folder, { 'a.c': 'evil', 'b.c': 'evil' })
    const why = failing('source files are not what their commit says')
    t.match(await part.sources?.checkpoint('/src'), { ok: true, changed: 2, failed: [why] })
  }
  t.equal(said.failed.length, 1)
  t.match(
    said.alarms.map(({ kind }) => kind),
    ['source-changed', 'source-changed'],
  )
})

t.test('openIntegrity(): a socket that cannot be is said, and the sources are watched all the same', async t => {
  const folder = t.testdir({})
  const { host, said } = job(`{ workspace: ${folder} }`, { jobFolder: `${folder}/none` })
  await using part = await openIntegrity(host)
  t.ok(part.sources)
  t.match(said.warnings, [/^the job cannot tell when its checkout is complete/])
})
