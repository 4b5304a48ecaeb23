import { baseName, type Detector, hasDefault, readEach } from './detector.ts'
import { jsonEntries, liesAt, yamlEntries } from './entry.ts'
import type { Finding, Place, SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import type { PresetOf } from './image.ts'
import { parseLocation, webFindings } from './location.ts'
import { missing } from './npm.ts'

/** Bundler: `Gemfile`, `Gemfile.lock`, mirrors in `.bundle/config` of the project and the user. */
export const bundler: Detector = {
  tool: 'bundler',
  wants: path =>
    ['Gemfile', 'gems.rb', 'Gemfile.lock', 'gems.locked'].includes(baseName(path)) ||
    /(?:^|\/)\.bundle\/config$/.test(path),
  read(file, presetOf) {
    if (file.path.endsWith('.bundle/config')) return mirrorFindings(file)
    let block = ''
    return file.text.split('\n').flatMap((text, index) => {
      const place = { file: file.path, line: index + 1 }
      if (/^[A-Z]+$/.test(text.trim())) block = text.trim()
      const [, source] = /^\s*(?:source[\s(]+["']|remote:\s+)(https?:[^"'\s]+)/.exec(text) ?? []
      const git = /\bgit:\s*["']([^"']+)["']|:git\s*=>\s*["']([^"']+)["']/.exec(text)
      if (git !== null) return gitFindings('bundler', git[1] ?? git[2] ?? '', place)
      if (source === undefined) return []
      return block === 'GIT' ? gitFindings('bundler', source, place) : sourceFindings(source, place, presetOf)
    })
  },
  async settings(machine) {
    const own = await machine.readFile('~/.bundle/config')
    return readEach([own], mirrorFindings)
  },
}

function sourceFindings(url: string, place: Place, presetOf: PresetOf): Finding[] {
  const location = parseLocation(url)
  const preset = typeof location === 'object' ? presetOf(location.host) : undefined
  return preset === undefined
    ? webFindings('bundler', url, place, 'tree', true)
    : [{ kind: 'preset', tool: 'bundler', preset, place }]
}

function mirrorFindings(file: SourceFile): Finding[] {
  return yamlEntries(file.text)
    .filter(entry => entry.path[0]?.startsWith('BUNDLE_MIRROR__') === true)
    .flatMap(entry => webFindings('bundler', entry.value, { file: file.path, line: entry.line }, 'tree'))
}

/** Composer: repositories of `composer.json`, dist and source URLs of `composer.lock`, the user's settings. */
export const composer: Detector = {
  tool: 'composer',
  wants: path => ['composer.json', 'composer.lock'].includes(baseName(path)),
  read: file => (baseName(file.path) === 'composer.json' ? repositoryFindings(file) : lockFindings(file)),
  async settings(machine, { findings }) {
    const paths = ['~/.composer/config.json', '~/.config/composer/config.json']
    const files = await Promise.all(paths.map(path => machine.readFile(path)))
    const own = readEach(files, repositoryFindings)
    if (hasDefault([...findings, ...own])) return own
    const said = await machine.ask('composer', [
      'config',
      '--global',
      '--no-plugins',
      '--no-interaction',
      'repositories',
    ])
    const [, url] = /"url":\s*"(https\??:[^"]+)"/.exec(said.text) ?? []
    const listed = webFindings(
      'composer',
      (url ?? '').replaceAll(String.raw`\/`, '/').replace('https?', 'https'),
      { file: 'composer config repositories' },
      'host',
      true,
    )
    return [...own, ...(listed.length > 0 ? listed : [missing('composer', said.fault)])]
  },
}

function repositoryFindings(file: SourceFile): Finding[] {
  const entries = jsonEntries(file.text)
  return entries.flatMap(entry => {
    const at = entry.path.indexOf('repositories')
    if (at === -1 || entry.path.length !== at + 3 || entry.path.at(-1) !== 'url' || at > 1) return []
    const place = { file: file.path, line: entry.line }
    const type = entries.find(
      other =>
        other.path.at(-1) === 'type' && other.path.slice(0, -1).join('\0') === entry.path.slice(0, -1).join('\0'),
    )?.value
    if (type === 'path' || type === 'artifact') return []
    return type === 'vcs' || type === 'git' || type === 'github'
      ? gitFindings('composer', entry.value, place)
      : webFindings('composer', entry.value, place, 'tree', type === 'composer')
  })
}

function lockFindings(file: SourceFile): Finding[] {
  const seen = new Set<string>()
  return jsonEntries(file.text).flatMap(entry => {
    const isDist = liesAt(entry, 'packages.*.dist.url') || liesAt(entry, 'packages-dev.*.dist.url')
    const isSource = liesAt(entry, 'packages.*.source.url') || liesAt(entry, 'packages-dev.*.source.url')
    if ((!isDist && !isSource) || seen.has(entry.value)) return []
    seen.add(entry.value)
    const place = { file: file.path, line: entry.line }
    return isDist ? webFindings('composer', entry.value, place, 'folder') : gitFindings('composer', entry.value, place)
  })
}
