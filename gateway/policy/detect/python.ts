import { baseName, type Detector, hasDefault, readEach } from './detector.ts'
import { type Entry, iniEntries, jsonEntries, liesAt } from './entry.ts'
import { type Finding, lineAt, type SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { webFindings } from './location.ts'
import { missing } from './npm.ts'
import { tomlEntries } from './toml.ts'

const locks = ['uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile', 'pylock.toml']

/** pip, uv, Poetry, PDM and Pipenv: requirements, `pyproject.toml`, lock files, pip's and uv's own settings. */
export const python: Detector = {
  tool: 'python',
  wants(path) {
    const name = baseName(path)
    const isRequirements =
      /^(?:requirements|constraints).*\.(?:txt|in)$/.test(name) || /(?:^|\/)requirements\/[^/]+\.(?:txt|in)$/.test(path)
    return (
      isRequirements || ['pyproject.toml', 'uv.toml', 'pip.conf', 'pip.ini', 'Pipfile.lock', ...locks].includes(name)
    )
  },
  read(file) {
    const name = baseName(file.path)
    if (name === 'pip.conf' || name === 'pip.ini') return pipSettings(file.path, iniEntries(file.text))
    if (name === 'Pipfile.lock') return indexFindings(file, jsonEntries(file.text), '_meta.sources.*.url')
    if (name === 'Pipfile') return indexFindings(file, tomlEntries(file.text), 'source.*.url')
    if (locks.includes(name)) return lockFindings(file)
    if (name === 'uv.toml') return uvFindings(file, tomlEntries(file.text), '')
    if (name === 'pyproject.toml') return projectFindings(file)
    return requirementFindings(file)
  },
  async settings(machine, { findings }) {
    const listed = await machine.ask('pip', ['config', 'list'])
    const fromPip = pipSettings('pip config list', pipList(listed.text))
    const uv = await machine.readFile('~/.config/uv/uv.toml')
    const fromUv = readEach([uv], file => uvFindings(file, tomlEntries(file.text), ''))
    const fromEnv = ['UV_INDEX_URL', 'UV_DEFAULT_INDEX', 'UV_EXTRA_INDEX_URL', 'UV_INDEX'].flatMap(name =>
      (machine.env[name] ?? '')
        .split(/\s+/)
        .flatMap(url =>
          webFindings(
            'python',
            url.replace(/^[\w-]+=/, ''),
            { file: `$${name}` },
            'tree',
            !/EXTRA|UV_INDEX$/.test(name),
          ),
        ),
    )
    const found = [...fromPip, ...fromUv, ...fromEnv]
    const others = hasDefault(findings)
      ? found.filter(finding => !(finding.kind === 'rule' && finding.isDefault === true))
      : found
    if (hasDefault(findings) || hasDefault(found)) return others
    // With nothing configured, pip's help still names the index that it uses.
    const help = await machine.ask('pip', ['install', '--help'])
    const [, url = ''] = /--index-url[^]*?\(default\s+(https?:\/\/[^\s)]+)\)/.exec(help.text) ?? []
    const builtIn = webFindings('python', url, { file: 'pip install --help' }, 'tree', true)
    if (builtIn.length === 0) return [...others, { ...missing('pip', help.fault), tool: 'python' }]
    return [
      ...others,
      ...builtIn,
      {
        kind: 'note',
        tool: 'python',
        text: 'an index may keep its files on another host: a lock file with URLs, or one audit run, names it',
      },
    ]
  },
}

function requirementFindings(file: SourceFile): Finding[] {
  return file.text.split('\n').flatMap((raw, index) => {
    const text = raw.replace(/(?:^|\s)#.*$/, '').trim()
    const place = { file: file.path, line: index + 1 }
    const [, option, value] = /^(-i|--index-url|--extra-index-url|-f|--find-links)(?:\s+|=)(\S+)/.exec(text) ?? []
    if (value !== undefined)
      return webFindings('python', value, place, 'tree', option === '-i' || option === '--index-url')
    return urlFindings(/(?:^|@\s*|\s)((?:git\+)?(?:https?|ssh):\/\/[^\s;]+)/.exec(text)?.[1] ?? '', place)
  })
}

function urlFindings(url: string, place: { readonly file: string; readonly line: number }): Finding[] {
  return url.startsWith('git+')
    ? gitFindings('python', url.replace(/(\/[^/@]+(?:\/[^@]*)?)@[^/]*$/, '$1'), place)
    : webFindings('python', url, place, 'file')
}

function projectFindings(file: SourceFile): Finding[] {
  const entries = tomlEntries(file.text)
  return [
    ...uvFindings(file, entries, 'tool.uv.'),
    ...indexFindings(file, entries, 'tool.poetry.source.*.url'),
    ...indexFindings(file, entries, 'tool.pdm.source.*.url'),
    ...gitOrFile(file, entries, 'tool.poetry.dependencies.*'),
    ...entries
      .filter(entry =>
        [
          'project.dependencies.*',
          'build-system.requires.*',
          'project.optional-dependencies.*.*',
          'dependency-groups.*.*',
        ].some(at => liesAt(entry, at)),
      )
      .flatMap(entry =>
        urlFindings(/@\s*((?:git\+)?(?:https?|ssh):\/\/[^\s;]+)/.exec(entry.value)?.[1] ?? '', {
          file: file.path,
          line: entry.line,
        }),
      ),
  ]
}

function uvFindings(file: SourceFile, entries: readonly Entry[], prefix: string): Finding[] {
  return [
    ...indexFindings(file, entries, `${prefix}index-url`, true),
    ...['extra-index-url.*', 'find-links.*', 'index.*.url', 'pip.index-url', 'pip.extra-index-url.*'].flatMap(at =>
      indexFindings(file, entries, prefix + at),
    ),
    ...gitOrFile(file, entries, `${prefix}sources.*`),
  ]
}

function indexFindings(file: SourceFile, entries: readonly Entry[], pattern: string, isDefault = false): Finding[] {
  return entries
    .filter(entry => liesAt(entry, pattern))
    .flatMap(entry => webFindings('python', entry.value, { file: file.path, line: entry.line }, 'tree', isDefault))
}

function gitOrFile(file: SourceFile, entries: readonly Entry[], prefix: string): Finding[] {
  return entries.flatMap(entry => {
    const place = { file: file.path, line: entry.line }
    if (liesAt(entry, `${prefix}.git`)) return gitFindings('python', entry.value, place)
    return liesAt(entry, `${prefix}.url`) ? webFindings('python', entry.value, place, 'file') : []
  })
}

/** Lock files are long: the indexes and the folders on file hosts that they name, each once. */
function lockFindings(file: SourceFile): Finding[] {
  const found = new Map<string, Finding[]>()
  for (const match of file.text.matchAll(/\b(registry|url|git|reference)\s*=\s*"((?:https?|ssh):\/\/[^"]+)"/g)) {
    const [, key, url = ''] = match
    const place = { file: file.path, line: lineAt(file.text, match.index) }
    // Files of one host lie in folders named by hash: what they share is the first segment.
    const group = key === 'url' ? url.replace(/^(https?:\/\/[^/]*\/[^/]*\/).*$/, '$1') : url
    if (found.has(group)) continue
    if (key === 'git') found.set(group, gitFindings('python', url, place))
    else
      found.set(
        group,
        webFindings('python', group, place, key === 'url' && group === url ? 'file' : 'tree', key === 'registry'),
      )
  }
  return [...found.values()].flat()
}

function pipSettings(path: string, entries: readonly Entry[]): Finding[] {
  return entries.flatMap(entry => {
    const key = entry.path.at(-1) ?? ''
    if (!['index-url', 'extra-index-url', 'find-links'].includes(key)) return []
    const place = path.startsWith('pip ') ? { file: path } : { file: path, line: entry.line }
    return entry.value.split(/\s+/).flatMap(url => webFindings('python', url, place, 'tree', key === 'index-url'))
  })
}

/** `pip config list` prints `global.index-url='…'`, line ends inside a value as `\n`. */
function pipList(text: string): Entry[] {
  return [...text.matchAll(/^([\w:-]+)\.([\w-]+)='(.*)'$/gm)].map(([, section = '', key = '', value = '']) => ({
    path: [section, key],
    value: value.replaceAll(String.raw`\n`, ' ').trim(),
    line: 1,
  }))
}
