import { baseName, type Detector } from './detector.ts'
import type { Finding, SourceFile } from './finding.ts'
import type { PresetOf } from './image.ts'
import { parseLocation, webFindings } from './location.ts'

/** apt: `sources.list` (one line a source) and `.sources` (deb822) of the project, and of this machine when the project calls apt. */
export const apt: Detector = {
  tool: 'apt',
  wants: path =>
    isSourceList(path) ||
    /^(?:Dockerfile|Containerfile)|\.(?:Dockerfile|dockerfile|sh)$/.test(baseName(path)) ||
    /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$|azure-pipelines[\w.-]*\.ya?ml$/.test(path),
  read: (file, presetOf) => (isSourceList(file.path) ? sourceFindings(file, presetOf) : []),
  async settings(machine, { files }) {
    const caller = files.find(file => /\bapt(?:-get)?\s+(?:-\S+\s+)*(?:update|install|upgrade)\b/.test(file.text))
    if (caller === undefined) return []
    const names = await machine.list('/etc/apt/sources.list.d')
    const paths = [
      '/etc/apt/sources.list',
      ...names.filter(name => /\.(?:list|sources)$/.test(name)).map(name => `/etc/apt/sources.list.d/${name}`),
    ]
    const lists = await Promise.all(paths.map(path => machine.readFile(path)))
    const found = lists.flatMap(file => (file === undefined ? [] : sourceFindings(file, () => undefined)))
    if (found.length > 0) return found
    return [
      {
        kind: 'note',
        tool: 'apt',
        place: { file: caller.path },
        text: 'apt is called, and this machine has no apt sources: run detect where the build runs',
      },
    ]
  },
}

function isSourceList(path: string): boolean {
  return /(?:^|\/)sources\.list$|sources\.list\.d\/[^/]+\.list$|\.sources$/.test(path)
}

function sourceFindings(file: SourceFile, presetOf: PresetOf): Finding[] {
  const uris = file.path.endsWith('.sources') ? deb822Uris(file.text) : listUris(file.text)
  return uris.flatMap(({ uri, line }) => {
    const place = { file: file.path, line }
    const location = parseLocation(uri)
    const preset = typeof location === 'object' ? presetOf(location.host) : undefined
    return preset === undefined
      ? webFindings('apt', uri, place, 'tree')
      : [{ kind: 'preset', tool: 'apt', preset, place }]
  })
}

interface Uri {
  readonly uri: string
  readonly line: number
}

/** `deb [options] URI suite component…` (sources.list(5)). */
function listUris(text: string): Uri[] {
  return text.split('\n').flatMap((line, index) => {
    const uri = /^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(\S+)/.exec(line.replace(/#.*$/, ''))?.[1]
    return uri === undefined ? [] : [{ uri, line: index + 1 }]
  })
}

/** `URIs:` of stanzas that are not `Enabled: no`; a field goes on in indented lines. */
function deb822Uris(text: string): Uri[] {
  const found: Uri[] = []
  let stanza: Uri[] = []
  let isEnabled = true
  let inUris = false
  for (const [index, raw] of [...text.split('\n'), ''].entries()) {
    if (raw.startsWith('#')) continue
    if (raw.trim() === '') {
      if (isEnabled) found.push(...stanza)
      stanza = []
      isEnabled = true
      inUris = false
      continue
    }
    const field = /^([\w-]+):\s*(.*)$/.exec(raw)
    if (field !== null) {
      const name = (field[1] ?? '').toLowerCase()
      inUris = name === 'uris'
      if (name === 'enabled' && /^(?:no|false|0|off|without|disable)$/i.test((field[2] ?? '').trim())) isEnabled = false
    }
    if (!inUris) continue
    const value = field === null ? raw : (field[2] ?? '')
    for (const uri of value.trim().split(/\s+/)) if (uri !== '') stanza.push({ uri, line: index + 1 })
  }
  return found
}
