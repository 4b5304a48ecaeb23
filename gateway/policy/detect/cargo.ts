import { baseName, type Detector, hasDefault, type Machine, readEach } from './detector.ts'
import { type Entry, jsonEntries, liesAt } from './entry.ts'
import { type Finding, lineAt, type SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'
import { parseLocation, webFindings } from './location.ts'
import { missing } from './npm.ts'
import { tomlEntries } from './toml.ts'

/** Cargo: registries and source replacement in `.cargo/config.toml`, git dependencies, `Cargo.lock`, and Cargo's home. */
export const cargo: Detector = {
  tool: 'cargo',
  wants: path =>
    ['Cargo.toml', 'Cargo.lock'].includes(baseName(path)) || /(?:^|\/)\.cargo\/config(?:\.toml)?$/.test(path),
  read(file) {
    const name = baseName(file.path)
    if (name === 'Cargo.lock') return lockFindings(file)
    return name === 'Cargo.toml' ? manifestFindings(file) : configFindings(file)
  },
  async settings(machine, project) {
    const home = machine.env['CARGO_HOME'] ?? '~/.cargo'
    const files = await Promise.all(['config.toml', 'config'].map(name => machine.readFile(`${home}/${name}`)))
    const own = readEach(files, configFindings)
    const fromEnv = Object.entries(machine.env).flatMap(([name, value = '']) =>
      /^CARGO_REGISTRIES_\w+_INDEX$/.test(name) ? indexFindings(value, { file: `$${name}` }) : [],
    )
    const configured = [...project.findings, ...own, ...fromEnv]
    const downloads = await downloadFindings(machine, home, configured)
    if (hasDefault(configured)) return [...own, ...fromEnv, ...downloads.configured]
    if (!project.paths.some(path => baseName(path).startsWith('Cargo.'))) return [...own, ...fromEnv]
    if (downloads.others.length > 0) return [...own, ...fromEnv, ...downloads.configured, ...downloads.others]
    const installed = await machine.ask('cargo', ['--version'])
    const text =
      'cargo has no registry configured, does not print its own, and has not used one here yet: run detect where builds ran'
    return [
      ...own,
      ...fromEnv,
      installed.fault === 'missing' ? missing('cargo', 'missing') : { kind: 'note', tool: 'cargo', text },
    ]
  },
}

function manifestFindings(file: SourceFile): Finding[] {
  return tomlEntries(file.text)
    .filter(entry => entry.path.at(-1) === 'git' && entry.path.some(key => /dependencies$|^patch$/.test(key)))
    .flatMap(entry => gitFindings('cargo', entry.value, { file: file.path, line: entry.line }))
}

/** `registry+` in a lock may be Cargo's name for its default registry rather than a place it goes to, so only the others count. */
function lockFindings(file: SourceFile): Finding[] {
  const found = new Map<string, Finding[]>()
  for (const match of file.text.matchAll(/^source = "(sparse|git)\+([^"#]+)/gm)) {
    const [, kind, url = ''] = match
    if (found.has(url)) continue
    const place = { file: file.path, line: lineAt(file.text, match.index) }
    found.set(url, kind === 'git' ? gitFindings('cargo', url, place) : webFindings('cargo', url, place, 'tree'))
  }
  return [...found.values()].flat()
}

function configFindings(file: SourceFile): Finding[] {
  const entries = tomlEntries(file.text)
  const replaced = new Set(entries.filter(entry => liesAt(entry, 'source.*.replace-with')).map(entry => entry.path[1]))
  const defaults = followed(entries, 'crates-io')
  return entries.flatMap(entry => {
    const place = { file: file.path, line: entry.line }
    if (liesAt(entry, 'registries.*.index') || liesAt(entry, 'registry.index')) return indexFindings(entry.value, place)
    if (liesAt(entry, 'source.*.registry') && !replaced.has(entry.path[1])) {
      return indexFindings(entry.value, place, entry.path[1] === defaults)
    }
    if (liesAt(entry, 'source.*.git') && !replaced.has(entry.path[1])) return gitFindings('cargo', entry.value, place)
    return []
  })
}

/** The source that stands in for `name` at the end of the chain of `replace-with`. */
function followed(entries: readonly Entry[], name: string): string {
  let current = name
  for (let hops = 0; hops < 16; hops += 1) {
    const next = entries.find(entry => liesAt(entry, `source.*.replace-with`) && entry.path[1] === current)?.value
    if (next === undefined) break
    current = next
  }
  return current
}

function indexFindings(
  url: string,
  place: { readonly file: string; readonly line?: number },
  isDefault = false,
): Finding[] {
  if (url.startsWith('sparse+')) return webFindings('cargo', url.slice('sparse+'.length), place, 'tree', isDefault)
  // Without `sparse+` an index is a git repository; its config.json names where crates are.
  return gitFindings('cargo', url, place).map(finding =>
    finding.kind === 'rule' ? { ...finding, isDefault } : finding,
  )
}

/** Cargo keeps each index's `config.json`, whose `dl` says where crates come from, in a folder named for the index's host. */
async function downloadFindings(
  machine: Machine,
  home: string,
  configured: readonly Finding[],
): Promise<{ readonly configured: readonly Finding[]; readonly others: readonly Finding[] }> {
  const known: Finding[] = []
  const others: Finding[] = []
  for (const folder of await machine.list(`${home}/registry/index`)) {
    const host = folder.replace(/-[0-9a-f]{16}$/, '')
    const config = await machine.readFile(`${home}/registry/index/${folder}/config.json`)
    if (config === undefined || typeof parseLocation(`https://${host}/`) !== 'object') continue
    const isConfigured = configured.some(finding => finding.kind === 'rule' && finding.rule.includes(`://${host}/`))
    const target = isConfigured ? known : others
    if (!isConfigured) target.push(...webFindings('cargo', `https://${host}/`, { file: config.path }, 'tree', true))
    for (const entry of jsonEntries(config.text).filter(each => liesAt(each, 'dl'))) {
      const base = entry.value.replace(/\{[^]*$/, '')
      target.push(...webFindings('cargo', base, { file: config.path, line: entry.line }, 'tree'))
    }
  }
  return { configured: known, others }
}
