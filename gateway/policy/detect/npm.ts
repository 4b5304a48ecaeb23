import { baseName, type Detector, hasDefault, type Machine, type Project } from './detector.ts'
import { iniEntries, jsonEntries, liesAt } from './entry.ts'
import { type Finding, lineAt, type Place, type SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { parseLocation, originText, webFindings } from './location.ts'

const otherLocks = new Set(['yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb'])

/** npm: `.npmrc`, `package.json`, `package-lock.json`, `npm-shrinkwrap.json`, and `npm config list`. */
export const npm: Detector = {
  tool: 'npm',
  wants: path => ['.npmrc', 'package.json', 'package-lock.json', 'npm-shrinkwrap.json'].includes(baseName(path)),
  read(file) {
    const name = baseName(file.path)
    if (name === '.npmrc') return npmrcFindings('npm', file)
    if (name === 'package.json') return manifestFindings(file)
    jsonEntries(file.text)
    return lockedFindings('npm', file, /"resolved"\s*:\s*"([^"]+)"/g)
  },
  async settings(machine, project) {
    // A project of another package manager has a package.json too.
    const isOwn = project.paths.some(path => /(?:^|\/)(?:package-lock|npm-shrinkwrap)\.json$/.test(path))
    const isOther = project.paths.some(path => otherLocks.has(baseName(path)))
    if (!project.paths.some(path => baseName(path) === 'package.json') || (isOther && !isOwn)) return []
    const found = await npmSettings(machine, project)
    return [...found, ...auditFindings([...project.findings, ...found])]
  },
}

/** `registry` and `@scope:registry` of an npmrc. */
export function npmrcFindings(tool: string, file: SourceFile): Finding[] {
  return iniEntries(file.text).flatMap(({ path, value, line }) => {
    const key = path.at(-1) ?? ''
    if (key !== 'registry' && !/^@[^:]+:registry$/.test(key)) return []
    return webFindings(tool, value, { file: file.path, line }, 'tree', key === 'registry')
  })
}

function manifestFindings(file: SourceFile): Finding[] {
  return jsonEntries(file.text).flatMap(entry => {
    if (!['dependencies', 'devDependencies', 'optionalDependencies'].some(group => liesAt(entry, `${group}.*`)))
      return []
    const place = { file: file.path, line: entry.line }
    return /^git\+|^git:|^ssh:|^[\w-]+@[^/]+:/.test(entry.value)
      ? gitFindings('npm', entry.value, place)
      : webFindings('npm', entry.value, place, 'file')
  })
}

/** Registries behind the tarball URLs of a lock file: `…/name/-/name-1.0.0.tgz` belongs to the registry at `…/`. */
export function lockedFindings(tool: string, file: SourceFile, pattern: RegExp): Finding[] {
  const found = new Map<string, Finding[]>()
  for (const match of file.text.matchAll(pattern)) {
    const url = (match[1] ?? '').replaceAll(String.raw`\/`, '/').replace(/#.*$/, '')
    const registry = /^(https?:\/\/[^/]*.*?)\/(?:@[^/]+(?:\/|%2f))?[^/]+\/-\/[^/]*$/i.exec(url)?.[1]
    const key = registry ?? url
    if (found.has(key)) continue
    const place: Place = { file: file.path, line: lineAt(file.text, match.index) }
    found.set(
      key,
      registry === undefined
        ? /^git|^ssh:/.test(url) || url.endsWith('.git')
          ? gitFindings(tool, url, place)
          : webFindings(tool, url, place, 'file')
        : webFindings(tool, `${registry}/`, place, 'tree'),
    )
  }
  return [...found.values()].flat()
}

/** What npm says it is configured to use, wherever that comes from: user, global and built-in settings, environment. */
async function npmSettings(machine: Machine, project: Project): Promise<readonly Finding[]> {
  const command = 'npm config list --json'
  const said = await machine.ask('npm', ['config', 'list', '--json'])
  if (said.fault !== undefined) {
    const own = await machine.readFile('~/.npmrc')
    const found = own === undefined ? [] : npmrcFindings('npm', own)
    if (hasDefault(project.findings) || hasDefault(found)) return found
    return [...found, missing('npm', said.fault)]
  }
  // A registry whose URL holds a password is left out of that list, and is then found in the files themselves.
  const config = jsonEntries(said.text)
  const files = await Promise.all(
    config
      .filter(entry => liesAt(entry, 'userconfig') || liesAt(entry, 'globalconfig'))
      .map(entry => machine.readFile(entry.value)),
  )
  const listed = config
    .filter(entry => entry.path.length === 1 && /^(?:@[^:]+:)?registry$/.test(entry.path[0] ?? ''))
    .flatMap(entry => webFindings('npm', entry.value, { file: command }, 'tree', entry.path[0] === 'registry'))
  const written = files.flatMap(file => (file === undefined ? [] : npmrcFindings('npm', file)))
  const wanted = [...listed, ...written].filter(
    finding => !(finding.kind === 'rule' && finding.isDefault === true && hasDefault(project.findings)),
  )
  if (hasDefault(project.findings) || hasDefault(wanted)) return wanted
  const preset = await machine.ask('npm', ['config', 'get', 'registry'])
  const found = webFindings('npm', preset.text.trim(), { file: 'npm config get registry' }, 'tree', true)
  return [...wanted, ...(found.length > 0 ? found : [missing('npm', 'failed')])]
}

/** `npm install` posts what it installed to these two paths of its registry (npm-audit(1)); without them it says nothing, but each try is refused. */
function auditFindings(findings: readonly Finding[]): Finding[] {
  return findings.flatMap((finding): Finding[] => {
    if (finding.kind !== 'rule' || finding.isDefault !== true) return []
    const registry = parseLocation(finding.rule.replace(/^\S+ /, '').replace(/\/\*\*$/, '/'))
    if (typeof registry !== 'object') return []
    const base = `${originText(registry)}${registry.path.replace(/\/$/, '')}/-/npm/v1/security`
    return ['advisories/bulk', 'audits/quick'].map(path => ({
      kind: 'rule',
      tool: 'npm',
      rule: `POST ${base}/${path}`,
      place: finding.place,
    }))
  })
}

/** Why a tool's default registry is not in the policy. */
export function missing(
  tool: string,
  why: 'missing' | 'failed' | undefined,
): Extract<Finding, { readonly kind: 'note' }> {
  const text =
    why === 'missing'
      ? `no registry configured and ${tool} is not installed here: run detect where the build runs`
      : `no registry configured and ${tool} did not say which it uses: run detect where the build runs`
  return { kind: 'note', tool, text }
}
