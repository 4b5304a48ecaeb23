import { baseName, type Detector, hasDefault, readEach } from './detector.ts'
import { type Finding, lineAt, type SourceFile } from './finding.ts'
import { webFindings } from './location.ts'
import { central, wrapperFindings } from './maven.ts'

/** Gradle: repositories in build, settings and init scripts (Groovy or Kotlin), and the wrapper. */
export const gradle: Detector = {
  tool: 'gradle',
  wants: path => /\.gradle(?:\.kts)?$/.test(path) || baseName(path) === 'gradle-wrapper.properties',
  read: file => (file.path.endsWith('.properties') ? wrapperFindings('gradle', file) : scriptFindings(file)),
  async settings(machine, { findings, files }) {
    const names = ['init.gradle', 'init.gradle.kts']
    const scripts = await machine.list('~/.gradle/init.d')
    const paths = [
      ...names.map(name => `~/.gradle/${name}`),
      ...scripts.filter(name => /\.gradle(?:\.kts)?$/.test(name)).map(name => `~/.gradle/init.d/${name}`),
    ]
    const read = await Promise.all(paths.map(path => machine.readFile(path)))
    const own = readEach(read, scriptFindings)
    const usesCentral = files.some(file => /\bmavenCentral\s*\(/.test(file.text))
    if (!usesCentral || hasDefault([...findings, ...own])) return own
    return [...own, ...(await central(machine, 'gradle'))]
  },
}

/** Blocks, strings and comments of a script; enough to know in which blocks a URL stands. */
const token = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_][\w.]*|[{}]/g

function scriptFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  const blocks: string[] = []
  let word = ''
  for (const match of file.text.matchAll(token)) {
    const [text] = match
    if (text.startsWith('//') || text.startsWith('/*')) continue
    if (text === '{') {
      blocks.push(word)
      word = ''
    } else if (text === '}') {
      blocks.pop()
      word = ''
    } else if (/^["']/.test(text)) {
      const isRepository =
        blocks.includes('repositories') && !blocks.includes('publishing') && !blocks.includes('credentials')
      const url = text.slice(1, -1)
      if (isRepository && /^https?:/.test(url)) {
        findings.push(...webFindings('gradle', url, { file: file.path, line: lineAt(file.text, match.index) }, 'tree'))
      }
    } else {
      word = text
      const known = blocks.includes('repositories') && /^(?:gradlePluginPortal|google|jcenter)$/.test(text)
      if (known)
        findings.push({
          kind: 'note',
          tool: 'gradle',
          place: { file: file.path, line: lineAt(file.text, match.index) },
          text: `${text}() names no host: one audit run shows it`,
        })
    }
  }
  return findings
}
