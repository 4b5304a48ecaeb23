import { mkdirSync } from 'node:fs'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { mavenRepository, newestOf, pinnedPlugins, whyNoMaven } from './maven-repository.ts'
import { itIsQuiet } from './quiet-build.ts'
import { makeRepository } from './source-repo.ts'

t.setTimeout(600_000)

const central = 'repo.maven.apache.org'

const pom = (): string => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.acme</groupId>
  <artifactId>app</artifactId>
  <version>1.0</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>org.apache.commons</groupId><artifactId>commons-lang3</artifactId><version>${newestOf('org/apache/commons/commons-lang3')}</version></dependency>
  </dependencies>
  ${pinnedPlugins()}
</project>
`

const sources = (): Readonly<Record<string, string>> => ({
  'pom.xml': pom(),
  'src/main/java/com/acme/App.java':
    'package com.acme;\n\npublic class App {\n  public static void main(String[] args) {\n    System.out.println(org.apache.commons.lang3.StringUtils.capitalize("built"));\n  }\n}\n',
  'src/main/resources/app.properties': 'name=${project.artifactId}\n',
  '.gitignore': '/target/\n',
})

await t.test(
  'Maven fetches its plugins and a dependency, compiles twice, and nobody is alarmed',
  {
    skip: whyNoLab(['origins']) || whyNoMaven(),
  },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    await lab.serve(central)
    await lab.origins.script(central, '*', mavenRepository('2020-01-02T03:04:05Z'))
    const workspace = lab.file('app')
    mkdirSync(workspace)
    await makeRepository(lab, workspace, sources())
    const mvn = 'mvn -B -ntp -Dmaven.repo.local="$HOME/m2"'
    const runs = await itIsQuiet(t, {
      lab,
      name: 'maven',
      allow: [`GET,HEAD https://${central}/maven2/**`],
      workspace,
      script: `cd '${workspace}'; rm -rf target; ${mvn} compile; touch src/main/java/com/acme/App.java; ${mvn} compile jar:jar; ls target/app-1.0.jar`,
    })
    for (const run of runs) {
      const files = run.lines.filter(({ details }) => details?.['purl'] !== undefined)
      const jars = files.filter(({ path, status }) => path?.endsWith('.jar') === true && status === 200)
      t.ok(jars.length > 10, `${jars.length} jars`)
      for (const { details, process } of jars) {
        t.match(details, { purl: /^pkg:maven\//, promise: 'kept', ageFrom: 'last-modified', sha1: String })
        t.match(process?.exe, /\/java$/)
      }
      t.ok(
        files.some(({ details }) =>
          String(details?.['purl']).startsWith('pkg:maven/org.apache.commons/commons-lang3@'),
        ),
      )
    }
  },
)
