import { baseName, type Detector } from './detector.ts'
import { urlsIn } from './docker.ts'
import { type Entry, liesAt, yamlEntries } from './entry.ts'
import type { Finding, SourceFile } from './finding.ts'
import { imageFindings, type PresetOf } from './image.ts'

/** GitHub workflows and actions: the runner's own hosts, containers and services, URLs in scripts. */
export const githubWorkflows: Detector = {
  tool: 'github-workflows',
  wants: path => /(?:^|\/)\.github\/(?:workflows\/[^/]+|actions\/.+\/action)\.ya?ml$/.test(path),
  read(file, presetOf) {
    const entries = yamlEntries(file.text)
    return entries.flatMap(entry => {
      const place = { file: file.path, line: entry.line }
      if (
        liesAt(entry, 'jobs.*.container') ||
        liesAt(entry, 'jobs.*.container.image') ||
        liesAt(entry, 'jobs.*.services.*.image')
      ) {
        return imageFindings(this.tool, entry.value, place, presetOf)
      }
      if (liesAt(entry, 'runs.image') && entry.value.startsWith('docker://'))
        return imageFindings(this.tool, entry.value, place, presetOf)
      if (liesAt(entry, 'jobs.*.runs-on') || liesAt(entry, 'jobs.*.runs-on.*')) {
        return [{ kind: 'preset', tool: this.tool, preset: 'github-runner', place }]
      }
      if (entry.path.at(-1) === 'uses') return usesFindings(this.tool, entry, file, presetOf)
      if (entry.path.at(-1) === 'run') return scriptFindings(this.tool, entry, file)
      return []
    })
  },
}

function usesFindings(tool: string, entry: Entry, file: SourceFile, presetOf: PresetOf): Finding[] {
  const place = { file: file.path, line: entry.line }
  if (entry.value.startsWith('docker://')) return imageFindings(tool, entry.value, place, presetOf)
  const action = entry.value.replace(/@.*$/, '')
  if (!/(?:^|[/-])(?:setup|install)(?:[/-]|$)/.test(action) || action.startsWith('./')) return []
  return [{ kind: 'note', tool, place, text: `${action} downloads what it sets up: one audit run shows from where` }]
}

/** A file of that name is a pipeline when it has one of these at the top. */
const pipelineKeys = new Set(['steps', 'jobs', 'stages', 'pool', 'trigger', 'extends', 'resources'])

/** Azure pipelines: the agent's own hosts, container images, URLs in scripts. */
export const azurePipelines: Detector = {
  tool: 'azure-pipelines',
  wants: path =>
    /^azure-pipelines[\w.-]*\.ya?ml$/.test(baseName(path)) || /(?:^|\/)\.azure-?pipelines\/.+\.ya?ml$/.test(path),
  read(file, presetOf) {
    const entries = yamlEntries(file.text)
    const first: Finding = {
      kind: 'preset',
      tool: this.tool,
      preset: 'azure-pipelines-agent',
      place: { file: file.path },
    }
    const found = entries.flatMap(entry => {
      const place = { file: file.path, line: entry.line }
      const key = entry.path.at(-1) ?? ''
      const isContainer =
        liesAt(entry, 'resources.containers.*.image') || (key === 'image' && entry.path.at(-2) === 'container')
      if (isContainer) return imageFindings(this.tool, entry.value, place, presetOf)
      if (key === 'task' && /(?:Tool|Installer|Setup)@/.test(entry.value)) {
        return [
          {
            kind: 'note' as const,
            tool: this.tool,
            place,
            text: `${entry.value} downloads what it installs: one audit run shows from where`,
          },
        ]
      }
      return ['script', 'bash', 'pwsh', 'powershell'].includes(key) ? scriptFindings(this.tool, entry, file) : []
    })
    const isPipeline = entries.some(entry => pipelineKeys.has(entry.path[0] ?? ''))
    return isPipeline ? [first, ...found] : []
  },
}

/** URLs of a script, each on its own line; a block scalar's text starts on the line after its key. */
function scriptFindings(tool: string, entry: Entry, file: SourceFile): Finding[] {
  const lines = entry.value.split('\n')
  const start = lines.length > 1 ? entry.line + 1 : entry.line
  return lines.flatMap((text, index) => (/^\s*#/.test(text) ? [] : urlsIn(text, file.path, start + index, tool)))
}
