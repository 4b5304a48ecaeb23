import { baseName, type Detector, hasDefault, type Machine, readEach } from './detector.ts'
import type { Finding, Place, SourceFile } from './finding.ts'
import { webFindings } from './location.ts'
import { missing } from './npm.ts'
import { type XmlElement, xmlElements } from './xml.ts'

/** Maven: repositories of poms, mirrors and repositories of settings, the wrapper, and Maven's own super POM. */
export const maven: Detector = {
  tool: 'maven',
  wants: path =>
    /(?:^|\/)(?:pom\.xml|\.mvn\/.*settings\.xml|\.mvn\/extensions\.xml|maven-wrapper\.properties)$/.test(path),
  read(file) {
    if (file.path.endsWith('.properties')) return wrapperFindings('maven', file)
    return baseName(file.path) === 'pom.xml' ? repositoryFindings(file) : settingsFindings(file)
  },
  async settings(machine, { findings }) {
    const home = await mavenHome(machine)
    const files = [
      await machine.readFile('~/.m2/settings.xml'),
      typeof home === 'object' ? await machine.readFile(`${home.path}/conf/settings.xml`) : undefined,
    ]
    const found = readEach(files, settingsFindings)
    if (hasDefault(findings) || hasDefault(found)) return found
    return [...found, ...(await central(machine, 'maven'))]
  },
}

/** Where Maven goes when no settings mirror it: its super POM says, inside a jar of the installation. */
export async function central(machine: Machine, tool: string): Promise<readonly Finding[]> {
  const home = await mavenHome(machine)
  if (typeof home === 'string') return [{ ...missing('maven', home), tool }]
  const jars = (await machine.list(`${home.path}/lib`)).filter(name => /^maven-model-builder-.*\.jar$/.test(name))
  for (const jar of jars) {
    const pom = await machine.readZipped(`${home.path}/lib/${jar}`, 'org/apache/maven/model/pom-4.0.0.xml')
    const found = readEach([pom], repositoryFindings)
    const rules = found.flatMap(finding => (finding.kind === 'rule' ? [{ ...finding, tool, isDefault: true }] : []))
    if (rules.length > 0) return rules
  }
  return [{ ...missing('maven', 'failed'), tool }]
}

async function mavenHome(machine: Machine): Promise<{ readonly path: string } | 'missing' | 'failed'> {
  const said = await machine.ask('mvn', ['--version'])
  if (said.fault !== undefined) return said.fault
  const path = /^Maven home: (\/.*?)\s*$/m.exec(said.text)?.[1]
  return path === undefined ? 'failed' : { path }
}

/** `distributionUrl` and `wrapperUrl` of a wrapper's properties, where `:` is escaped. */
export function wrapperFindings(tool: string, file: SourceFile): Finding[] {
  return file.text.split('\n').flatMap((text, index) => {
    const url = /^\s*(?:distributionUrl|wrapperUrl)\s*[=:]\s*(\S+)/.exec(text)?.[1]
    return url === undefined
      ? []
      : webFindings(tool, url.replaceAll('\\', ''), { file: file.path, line: index + 1 }, 'file')
  })
}

function repositoryFindings(file: SourceFile): Finding[] {
  const elements = xmlElements(file.text)
  return elements.flatMap(element => {
    const [name, parent] = [element.path.at(-1), element.path.at(-2)]
    // `distributionManagement` is for publishing.
    if (name !== 'url' || !(parent === 'repository' || parent === 'pluginRepository')) return []
    if (element.path.includes('distributionManagement')) return []
    return webFindings('maven', resolved(element.text, elements), place(file, element), 'tree')
  })
}

/** A mirror of `*`, `central` or `external:*` stands in for Maven's own repository. */
function settingsFindings(file: SourceFile): Finding[] {
  const elements = xmlElements(file.text)
  const mirrors = elements.flatMap((element, index) => {
    if (element.path.at(-1) !== 'mirror') return []
    const child = (name: string): XmlElement | undefined =>
      elements.find(other => other.parent === index && other.path.at(-1) === name)
    const url = child('url')
    // `maven-default-http-blocker` points to 0.0.0.0 so as to block.
    if (url === undefined || child('blocked')?.text === 'true') return []
    const isDefault = /(?:^|,)(?:\*|central|external:\*)(?:,|$)/.test(
      (child('mirrorOf')?.text ?? '').replaceAll(/\s/g, ''),
    )
    return webFindings('maven', resolved(url.text, elements), place(file, url), 'tree', isDefault)
  })
  return [...mirrors, ...repositoryFindings(file)]
}

/** Fills `${name}` from the properties of the same file. */
function resolved(text: string, elements: readonly XmlElement[]): string {
  return text.replaceAll(/\$\{([\w.-]+)\}/g, (whole, name) => {
    const property = elements.find(element => element.path.at(-2) === 'properties' && element.path.at(-1) === name)
    return property === undefined || property.text.includes('${') ? whole : property.text
  })
}

function place(file: SourceFile, element: XmlElement): Place {
  return { file: file.path, line: element.line }
}
