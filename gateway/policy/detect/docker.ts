import { baseName, type Detector } from './detector.ts'
import { liesAt, yamlEntries } from './entry.ts'
import type { Finding, SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { imageFindings, type PresetOf } from './image.ts'
import { webFindings } from './location.ts'

/** Images of Dockerfiles (FROM, COPY --from, the syntax line, ARG defaults), URLs they ADD or fetch, and compose files. */
export const docker: Detector = {
  tool: 'docker',
  wants: path => isDockerfile(path) || /^(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$/.test(baseName(path)),
  read: (file, presetOf) =>
    isDockerfile(file.path) ? dockerfileFindings(file, presetOf) : composeFindings(file, presetOf),
}

function isDockerfile(path: string): boolean {
  return /^(?:Dockerfile|Containerfile)(?:\.[\w.-]+)?$|\.(?:Dockerfile|dockerfile)$/.test(baseName(path))
}

interface Instruction {
  readonly text: string
  readonly line: number
}

/** Lines of a Dockerfile with continuations joined and comments dropped. */
function instructions(text: string): Instruction[] {
  const found: Instruction[] = []
  let open: { text: string; line: number } | undefined
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (/^\s*#/.test(raw) || (open !== undefined && raw.trim() === '')) continue
    open ??= { text: '', line: index + 1 }
    const isContinued = /\\\s*$/.test(raw)
    open.text += isContinued ? `${raw.replace(/\\\s*$/, '')} ` : raw
    if (isContinued) continue
    if (open.text.trim() !== '') found.push({ text: open.text.trim(), line: open.line })
    open = undefined
  }
  return open === undefined ? found : [...found, open]
}

function dockerfileFindings(file: SourceFile, presetOf: PresetOf): Finding[] {
  const stages = new Set<string>()
  const args = new Map<string, string>()
  const syntax = /^#\s*syntax\s*=\s*(\S+)/im.exec(file.text.split(/\r?\n/, 1)[0] ?? '')?.[1]
  const fromSyntax = syntax === undefined ? [] : imageFindings('docker', syntax, { file: file.path, line: 1 }, presetOf)
  const fromLines = instructions(file.text).flatMap(({ text, line }) => {
    const place = { file: file.path, line }
    const [, verb = '', rest = ''] = /^(\w+)\s+([^]*)$/.exec(text) ?? []
    const image = (reference: string): Finding[] =>
      stages.has(reference.toLowerCase()) || /^\d+$/.test(reference)
        ? []
        : imageFindings('docker', reference, place, presetOf)
    switch (verb.toUpperCase()) {
      case 'ARG': {
        for (const [, name = '', value] of rest.matchAll(/(\w+)(?:=("[^"]*"|'[^']*'|\S*))?/g)) {
          if (value !== undefined) args.set(name, filled(value.replace(/^(["'])(.*)\1$/, '$2'), args))
        }
        return []
      }
      case 'FROM': {
        const [, reference = '', stage] = /^(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(rest) ?? []
        const found = image(filled(reference, args))
        if (stage !== undefined) stages.add(stage.toLowerCase())
        return found
      }
      case 'COPY':
      case 'ADD': {
        const from = /--from=(\S+)/.exec(rest)?.[1]
        if (from !== undefined) return image(filled(from, args))
        return verb.toUpperCase() === 'ADD' ? urlsIn(filled(rest, args), file.path, line) : []
      }
      case 'RUN': {
        const mounted = [...rest.matchAll(/--mount=\S*?\bfrom=([^,\s]+)/g)].flatMap(([, from = '']) =>
          image(filled(from, args)),
        )
        return [...mounted, ...urlsIn(filled(rest, args), file.path, line)]
      }
      default:
        return []
    }
  })
  return [...fromSyntax, ...fromLines]
}

/** Fills `$NAME`, `${NAME}` and `${NAME:-default}` from what is known; the rest stays, and is reported as a variable. */
function filled(text: string, args: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)/g, (whole, braced, fallback, plain) => {
    return args.get(braced ?? plain) ?? fallback ?? whole
  })
}

/** What stands before a URL says what is fetched there. */
const beforeUrl = [
  { kind: 'git', pattern: /\bgit\s+(?:clone|submodule add|ls-remote|fetch)\b[^|;&]*$/ },
  {
    kind: 'tree',
    pattern:
      /(?:\bdeb(?:-src)?\s+(?:\[[^\]]*\]\s+)?|registry[\s=]|index-url[\s=]|\s-i\s|find-links[\s=]|GOPROXY=)["']?$/,
  },
] as const

/** The rules for URLs that a command or instruction fetches. */
export function urlsIn(text: string, path: string, line: number, tool = 'docker'): Finding[] {
  return [...text.matchAll(/https?:\/\/(?:\$\{\{[^}]*\}\}|\$\([^)]*\)|[^\s"'|;&)>\\,])+/g)].flatMap(match => {
    const [url] = match
    const before = text.slice(Math.max(0, match.index - 200), match.index)
    const kind = /\.git(?:#.*)?$/.test(url) ? 'git' : beforeUrl.find(({ pattern }) => pattern.test(before))?.kind
    const place = { file: path, line }
    return kind === 'git' ? gitFindings(tool, url, place) : webFindings(tool, url, place, kind ?? 'file')
  })
}

function composeFindings(file: SourceFile, presetOf: PresetOf): Finding[] {
  const entries = yamlEntries(file.text)
  const built = new Set(
    entries.filter(entry => entry.path[0] === 'services' && entry.path[2] === 'build').map(entry => entry.path[1]),
  )
  return entries.flatMap(entry => {
    const place = { file: file.path, line: entry.line }
    const value = filled(entry.value, new Map())
    if (liesAt(entry, 'services.*.image'))
      return built.has(entry.path[1]) ? [] : imageFindings('docker', value, place, presetOf)
    const isContext = liesAt(entry, 'services.*.build') || liesAt(entry, 'services.*.build.context')
    return isContext && /^(?:https?|ssh|git):\/\/|^git@/.test(value) ? gitFindings('docker', value, place) : []
  })
}
