import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy } from './behind.ts'
import { alarmsOf, componentsOf, filesOf } from './inputs.ts'
import { nugetFeed } from './nuget-feed.ts'
import { runSteps } from './steps.ts'
import { whyNoProgram } from './toolchain.ts'

t.setTimeout(120_000)

const host = 'nuget.acme.test'
const base = `https://${host}/api/v2`
const packages = [
  { id: 'Lab.Text', version: '1.2.0', dependencies: [{ id: 'Lab.Core', version: '1.0.0' }] },
  { id: 'Lab.Core', version: '1.0.0', dependencies: [] },
]

/** mono reads no variable: an authority is a file in a folder of its own, under the hash of its name. */
const trust =
  'trust="$HOME/.config/.mono/new-certs/Trust"; mkdir -p "$trust"; cp /run/tidegate/ca.crt "$trust/$(openssl x509 -noout -hash -in /run/tidegate/ca.crt).0"'
const install = `export HOME="$WORK"; ${trust}
nuget install Lab.Text -Version 1.2.0 -NoCache -NonInteractive -Source ${base}/ -OutputDirectory out && cat out/*/content/*.txt`

await t.test('nuget', { skip: whyNoLab(['origins']) || whyNoProgram('nuget') }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await lab.serve(host)
  const serve = (published: string): Promise<void> =>
    lab.origins.script(host, '*', nugetFeed(base, packages, published))
  const run = (rules: string): ReturnType<typeof runSteps<'install'>> =>
    runSteps(lab, {
      policy: blockPolicy([`GET,HEAD ${base}/**`], `packages: ${rules}\n`),
      steps: { install },
    })
  await serve('2020-01-02T03:04:05.67')

  await t.test('a package and what it depends on come in, as old and as whole as the feed says', async t => {
    const found = await run('{ minimumAgeDays: 30, unknownAge: deny }')
    t.equal(found.step('install').exitCode, 0, found.step('install').stdout)
    t.match(found.step('install').stdout, 'Lab.Core of the lab\nLab.Text of the lab\n')
    const files = filesOf(found)
    for (const line of files)
      t.match(line, {
        verdict: 'allow',
        details: { promise: 'kept', published: '2020-01-02T03:04:05.670Z', ageFrom: 'version', sha512: String },
        process: { exe: /\/mono/ },
      })
    t.strictSame(
      componentsOf(found).map(component => component.split(' ')[0]),
      ['pkg:nuget/Lab.Core@1.0.0', 'pkg:nuget/Lab.Text@1.2.0'],
    )
    t.strictSame(
      componentsOf(found),
      files.map(({ details }) => `${String(details?.['purl'])} ${String(details?.['sha256'])}`).toSorted(),
    )
    t.strictSame(alarmsOf(found), [])
  })

  await t.test('one that is denied, or a name of our own, does not come in, nor does what needs it', async t => {
    const deny = 'pkg:nuget/lab.core@<2.0.0'
    const denied = await run(`{ deny: ['${deny}'] }`)
    t.not(denied.step('install').exitCode, 0)
    t.strictSame(componentsOf(denied), [])
    t.ok(denied.lines.some(({ rule }) => rule === `packages.deny[0] ${deny}`))

    await lab.origins.clear()
    const internal = await run(`{ internal: [{ scope: 'pkg:nuget/Lab.Core', from: nuget.example.com }] }`)
    t.not(internal.step('install').exitCode, 0)
    t.match(alarmsOf(internal), [/^dependency-confusion pkg:nuget\/Lab\.Core$/])
    t.strictSame(
      (await lab.origins.requests({ host })).filter(({ target }) => target.includes('Lab.Core')),
      [],
      'nobody was asked for it',
    )
  })

  await t.test('one that is too young does not come in', async t => {
    await serve(new Date().toISOString())
    const young = await run('{ minimumAgeDays: 30 }')
    t.not(young.step('install').exitCode, 0)
    t.match(alarmsOf(young)[0], /^package-too-young pkg:nuget\/Lab\./)
    t.strictSame(componentsOf(young), [])
  })
})
