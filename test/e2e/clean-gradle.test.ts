import { mkdirSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { blockPolicy, runBehind } from './behind.ts'
import { componentsOf, filesOf } from './inputs.ts'
import { mavenRepository, newestOf, whyNoArtifact } from './maven-repository.ts'
import { itIsQuiet } from './quiet-build.ts'
import { makeRepository } from './source-repo.ts'
import { whyNoProgram } from './toolchain.ts'

t.setTimeout(240_000)

const central = 'repo.maven.apache.org'
const library = 'org/apache/commons/commons-lang3'
const jar = (): string => `pkg:maven/org.apache.commons/commons-lang3@${newestOf(library)}`

const sources = (): Readonly<Record<string, string>> => ({
  'settings.gradle': "rootProject.name = 'app'\n",
  // As Debian's Gradle 4 and those up to 6 have it; since 7 `compile` is `implementation`.
  'build.gradle': `apply plugin: 'java'
repositories { maven { url 'https://${central}/maven2' } }
dependencies { compile 'org.apache.commons:commons-lang3:${newestOf(library)}' }
`,
  'src/main/java/com/acme/App.java':
    'package com.acme;\n\npublic class App {\n  public static void main(String[] args) {\n    System.out.println(org.apache.commons.lang3.StringUtils.capitalize("built"));\n  }\n}\n',
  '.gitignore': '/build/\n/.gradle/\n',
})

const gradle = 'gradle --no-daemon --console plain -g "$HOME/gradle"'
const why = (): string | false =>
  whyNoLab(['origins']) || whyNoProgram('gradle') || whyNoProgram('javac') || whyNoArtifact(library)

await t.test('Gradle', { skip: why() }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await lab.serve(central)
  await lab.origins.script(central, '*', mavenRepository('2020-01-02T03:04:05Z'))
  const workspace = lab.file('app')
  mkdirSync(workspace)
  await makeRepository(lab, workspace, sources())

  await t.test('it fetches a dependency, compiles, and nobody is alarmed', async t => {
    const runs = await itIsQuiet(t, {
      lab,
      name: 'gradle',
      allow: [`GET,HEAD https://${central}/maven2/**`],
      workspace,
      script: `cd '${workspace}'; ${gradle} build; ls build/libs/app.jar`,
      fresh: ['build', '.gradle'].map(name => `${workspace}/${name}`),
    })
    for (const run of runs) {
      const files = filesOf(run)
      for (const { details, process } of files) {
        t.match(details, { purl: /^pkg:maven\//, promise: 'kept', ageFrom: 'last-modified', sha1: String })
        t.match(process?.exe, /\/java$/)
      }
      t.strictSame(
        componentsOf(run),
        files.map(({ details }) => `${String(details?.['purl'])} ${String(details?.['sha256'])}`).toSorted(),
      )
      const [own, ofItsPom, ...parents] = componentsOf(run).toSorted(
        (a, b) => Number(isParent(a)) - Number(isParent(b)),
      )
      t.match(own, `${jar()} `)
      t.match(ofItsPom, `${jar()}?type=pom `)
      t.ok(parents.length > 0, 'and what its POM inherits from')
    }
  })

  await t.test('a denied version does not come in', async t => {
    const deny = 'pkg:maven/org.apache.commons/commons-lang3@<99'
    const home = lab.file('denied-home')
    mkdirSync(home)
    const run = await runBehind(lab, {
      policy: blockPolicy([`GET,HEAD https://${central}/maven2/**`], `packages: { deny: ['${deny}'] }\n`),
      command: ['sh', '-ec', `cd '${workspace}'; ${gradle} build`],
      env: { HOME: home },
    })
    t.not(run.exitCode, 0)
    t.match(run.stderr, /403/)
    t.strictSame(
      new Set(run.lines.filter(({ verdict }) => verdict === 'deny').map(({ rule }) => rule)),
      new Set([`packages.deny[0] ${deny}`]),
    )
    t.strictSame(componentsOf(run), [])
  })
})

function isParent(component: string): boolean {
  return !component.startsWith(jar())
}
