import { baseName, type Detector, hasDefault } from './detector.ts'
import { liesAt, yamlEntries } from './entry.ts'
import { type Finding, lineAt, type SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { imageFindings, type PresetOf } from './image.ts'
import { parseEndpoint, parseLocation, webFindings } from './location.ts'

/** Terraform: providers of `.terraform.lock.hcl` and `*.tf`, module sources, mirrors in the user's settings. */
export const terraform: Detector = {
  tool: 'terraform',
  wants: path => baseName(path) === '.terraform.lock.hcl' || /\.(?:tf|tofu)$/.test(path),
  read: (file, presetOf) =>
    file.path.endsWith('.hcl') ? providerFindings(file, presetOf) : sourceFindings(file, presetOf),
  async settings(machine, { findings, files }) {
    const own = await machine.readFile(machine.env['TF_CLI_CONFIG_FILE'] ?? '~/.terraformrc')
    const mirrors =
      own === undefined
        ? []
        : [...own.text.matchAll(/^\s*url\s*=\s*"(https?:[^"]+)"/gm)].flatMap(match =>
            webFindings(
              'terraform',
              match[1] ?? '',
              { file: own.path, line: lineAt(own.text, match.index) },
              'tree',
              true,
            ),
          )
    if (
      hasDefault(mirrors) ||
      findings.some(finding => finding.kind !== 'note') ||
      !files.some(file => /\bprovider\b|required_providers|\bmodule\b/.test(file.text))
    )
      return mirrors
    return [
      ...mirrors,
      { kind: 'preset', tool: 'terraform', preset: 'terraform', place: { file: files[0]?.path ?? 'the project' } },
    ]
  },
}

function providerFindings(file: SourceFile, presetOf: PresetOf): Finding[] {
  return [...file.text.matchAll(/^provider\s+"([^"/]+)\/[^"]+"/gm)].flatMap(match =>
    registryFindings(match[1] ?? '', file.path, lineAt(file.text, match.index), presetOf),
  )
}

/** A registry of providers or modules: its discovery document and API; where archives lie is its answer. */
function registryFindings(host: string, path: string, line: number, presetOf: PresetOf): Finding[] {
  const endpoint = parseEndpoint(host, 443)
  const place = { file: path, line }
  if (endpoint === undefined)
    return [{ kind: 'warning', place, text: 'terraform: no valid registry host is named here' }]
  const preset = presetOf(endpoint.host)
  if (preset !== undefined) return [{ kind: 'preset', tool: 'terraform', preset, place }]
  const note: Finding = {
    kind: 'note',
    tool: 'terraform',
    place,
    text: `${endpoint.host} may keep archives on another host: one audit run shows it`,
  }
  return [...webFindings('terraform', `https://${host}/`, place, 'host'), note]
}

function sourceFindings(file: SourceFile, presetOf: PresetOf): Finding[] {
  const text = file.text.replaceAll(/^[ \t]*(?:#|\/\/).*$/gm, '')
  return [...text.matchAll(/^\s*source\s*=\s*"([^"]+)"|source\s*=\s*"([^"]+)"/gm)].flatMap(match => {
    const source = match[1] ?? match[2] ?? ''
    const line = lineAt(text, match.index + match[0].indexOf('source'))
    const place = { file: file.path, line }
    if (/^git::|^git@/.test(source))
      return gitFindings(
        'terraform',
        source
          .replace(/^git::/, '')
          .replace(/([^:]\/)\/.*$/, '$1')
          .replace(/\/$/, ''),
        place,
      )
    if (/^https?:/.test(source)) return webFindings('terraform', source, place, 'file')
    // `host/namespace/name[/system]`, or `host/owner/repo` of a code host: a first segment with a dot is a host.
    const [host = '', ...rest] = source.split('/')
    if (!host.includes('.') || host.startsWith('.') || rest.length < 2) return []
    return rest.length === 2 &&
      presetOf(host) !== 'terraform' &&
      /\bmodule\s+"[^"]*"\s*\{[^}]*$/.test(text.slice(0, match.index))
      ? gitFindings('terraform', `https://${host}/${rest.join('/').replace(/\.git$/, '')}.git`, place)
      : registryFindings(host, file.path, line, presetOf)
  })
}

/** Helm: repositories of a chart's dependencies, by https or as OCI images. */
export const helm: Detector = {
  tool: 'helm',
  wants: path => ['Chart.yaml', 'Chart.lock', 'requirements.yaml', 'helmfile.yaml'].includes(baseName(path)),
  read: (file, presetOf) =>
    yamlEntries(file.text).flatMap(entry => {
      if (!liesAt(entry, 'dependencies.*.repository') && !liesAt(entry, 'repositories.*.url')) return []
      const place = { file: file.path, line: entry.line }
      if (entry.value.startsWith('oci://'))
        return imageFindings('helm', `${entry.value.slice('oci://'.length).replace(/\/$/, '')}/*`, place, presetOf)
      if (entry.value.startsWith('@') || entry.value.startsWith('alias:')) {
        return [
          {
            kind: 'note',
            tool: 'helm',
            place,
            text: `${entry.value.slice(0, 64)} is a name of the user's helm settings: add its repository by hand`,
          },
        ]
      }
      return webFindings('helm', entry.value, place, 'tree')
    }),
}

/** pre-commit: the repositories of its hooks. */
export const preCommit: Detector = {
  tool: 'pre-commit',
  wants: path => /^\.pre-commit-config\.ya?ml$/.test(baseName(path)),
  read(file) {
    const found = yamlEntries(file.text).flatMap(entry =>
      liesAt(entry, 'repos.*.repo') &&
      (typeof parseLocation(entry.value) === 'object' || /^(?:ssh|git):|^git@/.test(entry.value))
        ? gitFindings('pre-commit', entry.value, { file: file.path, line: entry.line })
        : [],
    )
    const note: Finding = {
      kind: 'note',
      tool: 'pre-commit',
      place: { file: file.path },
      text: 'hooks install their own packages from the registries of their languages',
    }
    return found.length === 0 ? [] : [...found, note]
  },
}
