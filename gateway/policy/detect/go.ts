import { baseName, type Detector } from './detector.ts'
import { jsonEntries } from './entry.ts'
import type { Finding, Place, SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { webFindings } from './location.ts'

const command = 'go env GOPROXY GOSUMDB GONOPROXY'

/** Go: module paths of `go.mod` files, and what `go env` says about proxies, the checksum database and private modules. */
export const go: Detector = {
  tool: 'go',
  wants: path => baseName(path) === 'go.mod' || baseName(path) === 'go.work',
  read: () => [],
  async settings(machine, { files }) {
    const said = await machine.ask('go', ['env', '-json', 'GOPROXY', 'GOSUMDB', 'GONOPROXY', 'GONOSUMDB', 'GOPRIVATE'])
    if (said.fault !== undefined) {
      const text = said.fault === 'missing' ? 'go is not installed here' : 'go did not say which it uses'
      const configured = ['GOPROXY', 'GOSUMDB'].filter(name => machine.env[name] !== undefined)
      if (configured.length < 2)
        return [
          { kind: 'note', tool: 'go', text: `no module proxy configured and ${text}: run detect where the build runs` },
        ]
    }
    const listed = said.fault === undefined ? jsonEntries(said.text) : []
    const setting = (name: string): string =>
      listed.find(entry => entry.path[0] === name)?.value ?? machine.env[name] ?? ''
    const place = { file: command }
    const proxies = setting('GOPROXY')
      .split(/[,|]/)
      .map(proxy => proxy.trim())
      .filter(proxy => proxy !== '')
    const isDirectOnly = proxies[0] === 'direct'
    const skipsProxy = setting('GONOPROXY') === '' ? setting('GOPRIVATE') : setting('GONOPROXY')
    const direct = modulesOf(files).filter(module => isDirectOnly || matchesAny(module.path, skipsProxy))
    return [
      ...proxies.flatMap(proxy => webFindings('go', proxy, place, 'tree', true)),
      ...(isDirectOnly || proxies.length === 0 || setting('GOFLAGS').includes('-mod=vendor')
        ? []
        : fallbackNote(proxies, place)),
      ...sumFindings(setting('GOSUMDB'), place),
      ...direct.flatMap(directFindings),
    ]
  },
}

function fallbackNote(proxies: readonly string[], place: Place): Finding[] {
  if (!proxies.includes('direct')) return []
  return [
    {
      kind: 'note',
      tool: 'go',
      place,
      text: "'direct' in GOPROXY: a module that no proxy has is fetched from its own host, which an audit run shows",
    },
  ]
}

/** `off`, `NAME`, `NAME+KEY` or either with a URL after a space (go help module-auth). */
function sumFindings(setting: string, place: Place): Finding[] {
  const [name = '', url] = setting.trim().split(/\s+/)
  if (name === '' || name === 'off') return []
  return webFindings('go', url ?? `https://${name.replace(/\+.*$/, '')}/`, place, 'tree')
}

interface Module {
  readonly path: string
  readonly place: Place
}

function modulesOf(files: readonly SourceFile[]): Module[] {
  return files.flatMap(file => {
    let inRequire = false
    return file.text.split('\n').flatMap((raw, index) => {
      const text = raw.replace(/\/\/.*$/, '').trim()
      if (/^require\s*\($/.test(text)) inRequire = true
      else if (text === ')') inRequire = false
      const path = /^(?:require\s+)?"?([a-z0-9][a-z0-9.-]*\.[a-z0-9-]+(?:\/[^\s"]+)*)"?\s+v\d/i.exec(text)?.[1]
      return path !== undefined && (inRequire || text.startsWith('require '))
        ? [{ path, place: { file: file.path, line: index + 1 } }]
        : []
    })
  })
}

/** Go's own globs: comma-separated, `*` within a segment, matching a prefix of whole segments (go help private). */
function matchesAny(module: string, globs: string): boolean {
  return globs.split(',').some(glob => {
    const segments = glob.trim().replace(/\/$/, '').split('/')
    const own = module.split('/')
    if (glob.trim() === '' || own.length < segments.length) return false
    return segments.every((segment, index) => segmentMatches(segment, own[index] ?? ''))
  })
}

/** Linear in the length of both: a glob comes from outside and must not cost more. */
function segmentMatches(glob: string, text: string): boolean {
  const parts = glob.split('*')
  const [first = ''] = parts
  if (parts.length === 1) return glob === text
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  const last = parts.at(-1) ?? ''
  return text.length - last.length >= at && text.endsWith(last)
}

/** A module fetched without a proxy: the `?go-get=1` question at its path and its repository's, and git on the same host. */
function directFindings({ path, place }: Module): Finding[] {
  const [host = '', ...segments] = path.split('/')
  const repository = segments
    .slice(0, 2)
    .join('/')
    .replace(/\.git$/, '')
  const metadata = [path, `${host}/${repository}`].flatMap(each => webFindings('go', `https://${each}`, place, 'file'))
  if (segments.length < 2) {
    const text = `the answer of ${host} names where this module's repository is: one audit run shows it`
    return [...metadata, { kind: 'note', tool: 'go', place, text }]
  }
  return [...metadata, ...gitFindings('go', `https://${host}/${repository}`, place, { bothForms: true })]
}
