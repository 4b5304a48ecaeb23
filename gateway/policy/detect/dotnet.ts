import { baseName, type Detector, hasDefault, readEach } from './detector.ts'
import type { Finding, SourceFile } from './finding.ts'
import { webFindings } from './location.ts'
import { xmlElements } from './xml.ts'

/** NuGet: `nuget.config` of the project and the user, and `dotnet nuget list source`. */
export const dotnet: Detector = {
  tool: 'nuget',
  wants: path =>
    /^(?:nuget\.config|packages\.lock\.json|packages\.config)$/i.test(baseName(path)) ||
    /\.(?:cs|fs|vb)proj$/.test(path),
  read: file => (/nuget\.config$/i.test(file.path) ? configFindings(file) : []),
  async settings(machine, { findings, files }) {
    const clears = files.some(file => /nuget\.config$/i.test(file.path) && /<clear\s*\/>/.test(file.text))
    if (clears && hasDefault(findings)) return []
    const paths = ['~/.nuget/NuGet/NuGet.Config', '~/.config/NuGet/NuGet.Config']
    const read = await Promise.all(paths.map(path => machine.readFile(path)))
    const own = readEach(read, configFindings)
    if (hasDefault([...findings, ...own])) return own
    const said = await machine.ask('dotnet', ['nuget', 'list', 'source', '--format', 'Short'])
    const listed = [...said.text.matchAll(/^E\S*\s+(https?:\S+)/gm)].flatMap(([, url = '']) =>
      feedFindings(url, { file: 'dotnet nuget list source' }),
    )
    // A settings file that could not be read may name sources: nothing is guessed over it.
    if (listed.length > 0 || [...findings, ...own].some(({ kind }) => kind === 'warning')) return listed
    return [{ kind: 'preset', tool: 'nuget', preset: 'nuget', place: { file: files[0]?.path ?? 'the project' } }]
  },
}

function configFindings(file: SourceFile): Finding[] {
  const elements = xmlElements(file.text)
  const inside = (section: string): typeof elements =>
    elements.filter(element => element.path.at(-1) === 'add' && element.path.at(-2) === section)
  const disabled = new Set(
    inside('disabledPackageSources')
      .filter(element => element.attributes['value'] === 'true')
      .map(element => element.attributes['key']),
  )
  return inside('packageSources')
    .filter(element => !disabled.has(element.attributes['key']))
    .flatMap(element => feedFindings(element.attributes['value'] ?? '', { file: file.path, line: element.line }))
}

/**
 * A v3 feed is `…/v3/index.json`, and the services that it lists lie beside it, by the feed's id rather than its name on
 * some servers (`…/_packaging/`): what they share is the way up to there.
 */
function feedFindings(url: string, place: { readonly file: string; readonly line?: number }): Finding[] {
  const base = url
    .replace(/\/_packaging\/.*$/, '/')
    .replace(/\/v3\/index\.json$/i, '/')
    .replace(/\/index\.json$/i, '/')
  return webFindings('nuget', base, place, 'tree', true)
}
