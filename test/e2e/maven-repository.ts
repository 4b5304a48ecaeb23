import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { ScriptHandler } from '../lab/origin-log.ts'
import { whyNoProgram } from './toolchain.ts'

/** Where Debian keeps what Maven's plugins need, in the layout of a repository. */
const root = '/usr/share/maven-repo'

const plugins = ['maven-compiler-plugin', 'maven-resources-plugin', 'maven-jar-plugin']

/** Why no Maven build can run here; `false` when one can. */
export function whyNoMaven(): string | false {
  const own = plugins.map(name => whyNoProgram(name, [`${root}/org/apache/maven/plugins`])).find(why => why !== false)
  return whyNoProgram('mvn') || whyNoProgram('javac') || (own ?? false)
}

/** Why an artifact, by its path, cannot be served here; `false` when it can. */
export function whyNoArtifact(path: string): string | false {
  return whyNoProgram(basename(path), [join(root, dirname(path))])
}

/** The newest version that is there. */
export function newestOf(path: string): string {
  const numbers = readdirSync(join(root, path)).filter(name => /^\d+(?:\.\d+)+$/.test(name))
  const byNumber = new Intl.Collator('en', { numeric: true })
  return numbers.toSorted((a, b) => byNumber.compare(a, b)).at(-1) ?? ''
}

/** `pluginManagement` of a POM: the plugins as they are here, whatever Maven would take by itself. */
export function pinnedPlugins(): string {
  const list = plugins.map(
    name =>
      `<plugin><artifactId>${name}</artifactId><version>${newestOf(`org/apache/maven/plugins/${name}`)}</version></plugin>`,
  )
  return `<build><pluginManagement><plugins>${list.join('')}</plugins></pluginManagement></build>`
}

/**
 * A repository below `/maven2` that serves these artifacts as Maven Central does: each with its digest beside it and in the head
 * of its answer, and with the date since when it is there. Everything else is not found.
 */
export function mavenRepository(publishedAt: string): ScriptHandler {
  const date = new Date(publishedAt).toUTCString()
  return ({ path, method }) => {
    const [, asked = '', sum] = /^\/maven2\/(.+?)(?:\.(sha1|sha256|sha512))?$/.exec(decodeURIComponent(path)) ?? []
    const content = contentOf(asked)
    if (content === undefined) return { status: 404, body: 'not found' }
    const digest = (algorithm: string): string => createHash(algorithm).update(content).digest('hex')
    if (sum !== undefined) return { status: 200, headers: [['content-type', 'text/plain']], body: digest(sum) }
    const headers = [
      ['content-type', 'application/octet-stream'],
      ['last-modified', date],
      ['x-checksum-sha1', digest('sha1')],
    ] as const
    return { status: 200, headers, ...(method === 'HEAD' ? { length: content.length } : {}), body: content }
  }
}

/** What the artifacts above name, and Debian has not: only tests of theirs would need it. */
const missing: Readonly<Record<string, string>> = {
  'org/junit/junit-bom/debian/junit-bom-debian.pom':
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>org.junit</groupId><artifactId>junit-bom</artifactId><version>debian</version><packaging>pom</packaging></project>\n',
}

function contentOf(path: string): Buffer | undefined {
  const made = missing[path]
  if (made !== undefined) return Buffer.from(made)
  const file = resolve(join(root, path))
  if (!file.startsWith(`${root}/`) || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  return readFileSync(file)
}
