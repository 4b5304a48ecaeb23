import { baseName, type Detector, hasDefault, type Machine, readEach } from './detector.ts'
import { liesAt, yamlEntries } from './entry.ts'
import type { Finding, SourceFile } from './finding.ts'
import { webFindings } from './location.ts'
import { lockedFindings, missing, npmrcFindings } from './npm.ts'
import { tomlEntries } from './toml.ts'

/** Yarn, both lines: `.yarnrc`, `.yarnrc.yml`, `yarn.lock`, and what `yarn config get` says. */
export const yarn: Detector = {
  tool: 'yarn',
  wants: path => ['yarn.lock', '.yarnrc', '.yarnrc.yml'].includes(baseName(path)),
  read(file) {
    const name = baseName(file.path)
    if (name === '.yarnrc') return classicSettings(file)
    if (name === '.yarnrc.yml') return berrySettings(file)
    // Classic writes `resolved "URL"`, berry `resolution: "name@URL"` for what does not come from its registry.
    return lockedFindings('yarn', file, /^\s+(?:resolved\s+"?|resolution:\s+"[^"\s]+?@(?=https?:|git|ssh:))([^"\s]+)/gm)
  },
  async settings(machine, { findings }) {
    if (hasDefault(findings)) return []
    const home = await machine.readFile('~/.yarnrc.yml')
    const own = readEach([home], berrySettings)
    if (hasDefault(own)) return own
    return [
      ...own,
      ...(await asked(machine, 'yarn', [
        ['config', 'get', 'npmRegistryServer'],
        ['config', 'get', 'registry'],
      ])),
    ]
  },
}

/** pnpm: `pnpm-lock.yaml`, `.npmrc`, and `pnpm config get registry`. */
export const pnpm: Detector = {
  tool: 'pnpm',
  wants: path => ['pnpm-lock.yaml', 'pnpm-workspace.yaml'].includes(baseName(path)),
  read: file => lockedFindings('pnpm', file, /\b(?:tarball|repo):\s*['"]?([^'",\s}]+)/g),
  async settings(machine, { paths }) {
    // The project's .npmrc is read under npm, and counts for pnpm alike.
    if (paths.some(path => baseName(path) === '.npmrc')) return []
    return await asked(machine, 'pnpm', [['config', 'get', 'registry']])
  },
}

/** Bun: `bunfig.toml`, `bun.lock`; bun has no command that prints its settings. */
export const bun: Detector = {
  tool: 'bun',
  wants: path => ['bun.lock', 'bun.lockb', 'bunfig.toml'].includes(baseName(path)),
  read(file) {
    if (baseName(file.path) === 'bun.lock') return lockedFindings('bun', file, /"(https?:\/\/[^"]+)"/g)
    if (baseName(file.path) !== 'bunfig.toml') return []
    return tomlEntries(file.text).flatMap(entry => {
      const isDefault = liesAt(entry, 'install.registry') || liesAt(entry, 'install.registry.url')
      const isScope = liesAt(entry, 'install.scopes.*') || liesAt(entry, 'install.scopes.*.url')
      return isDefault || isScope
        ? webFindings('bun', entry.value, { file: file.path, line: entry.line }, 'tree', isDefault)
        : []
    })
  },
  async settings(machine, { findings, paths }) {
    if (hasDefault(findings) || paths.some(path => baseName(path) === '.npmrc')) return []
    const npmrc = await machine.readFile('~/.npmrc')
    const found = npmrc === undefined ? [] : npmrcFindings('bun', npmrc)
    return hasDefault(found)
      ? found
      : [
          ...found,
          {
            kind: 'note',
            tool: 'bun',
            text: 'no registry configured, and bun has no command that names its own: an audit run shows it',
          },
        ]
  },
}

function classicSettings(file: SourceFile): Finding[] {
  return file.text.split('\n').flatMap((text, index) => {
    const [, key, value] = /^"?(registry|@[^\s:"]+:registry)"?\s+"?([^"\s]+)"?\s*$/.exec(text.trim()) ?? []
    return value === undefined
      ? []
      : webFindings('yarn', value, { file: file.path, line: index + 1 }, 'tree', key === 'registry')
  })
}

function berrySettings(file: SourceFile): Finding[] {
  return yamlEntries(file.text).flatMap(entry => {
    const isDefault = liesAt(entry, 'npmRegistryServer')
    if (!isDefault && !liesAt(entry, 'npmScopes.*.npmRegistryServer')) return []
    return webFindings('yarn', entry.value, { file: file.path, line: entry.line }, 'tree', isDefault)
  })
}

async function asked(
  machine: Machine,
  tool: string,
  commands: readonly (readonly string[])[],
): Promise<readonly Finding[]> {
  let why: 'missing' | 'failed' = 'failed'
  for (const args of commands) {
    const said = await machine.ask(tool, args)
    why = said.fault ?? why
    const found = webFindings(tool, said.text.trim(), { file: [tool, ...args].join(' ') }, 'tree', true)
    if (found.length > 0) return found
  }
  return [missing(tool, why)]
}
