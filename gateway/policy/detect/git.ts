import type { Detector } from './detector.ts'
import { baseName } from './detector.ts'
import { iniEntries, liesAt } from './entry.ts'
import type { Finding, SourceFile } from './finding.ts'
import { gitFindings } from './git-remote.ts'

/** git: remotes of `.git/config`, `.gitmodules`, `insteadOf` of the user's and the system's settings, LFS by `.gitattributes`. */
export const git: Detector = {
  tool: 'git',
  wants: path => path === '.git/config' || path === '.gitmodules' || baseName(path) === '.gitattributes',
  // Whether LFS is used and how URLs are rewritten is known only when all files are read.
  read: () => [],
  async settings(machine, { files }) {
    const settings = await Promise.all(
      ['~/.gitconfig', '~/.config/git/config', '/etc/gitconfig'].map(path => machine.readFile(path)),
    )
    const configs = [...files, ...settings.flatMap(file => file ?? [])].filter(
      file => !file.path.endsWith('.gitattributes'),
    )
    const rewrites = configs.flatMap(rewritesOf)
    const lfs = files.some(file => file.path.endsWith('.gitattributes') && /^[^#\n]*\bfilter=lfs\b/m.test(file.text))
    const origin = remotesOf(files).find(remote => remote.name === 'origin')?.url
    const found = remotesOf(files).flatMap(({ url, file, line, name }) => {
      const target = rewritten(/^\.\.?\//.test(url) && origin !== undefined ? joined(origin, url) : url, rewrites)
      return gitFindings('git', target, { file, line }, { bothForms: name !== undefined, lfs })
    })
    const note: Finding = {
      kind: 'note',
      tool: 'git',
      text: 'Git LFS is used: the answer to its batch request may name another host for the files; one audit run shows it',
    }
    return lfs && found.length > 0 ? [...found, note] : found
  },
}

interface Remote {
  /** Of a remote; a submodule has none here. */
  readonly name: string | undefined
  readonly url: string
  readonly file: string
  readonly line: number
}

function remotesOf(files: readonly SourceFile[]): Remote[] {
  return files.flatMap(file =>
    file.path.endsWith('.gitattributes')
      ? []
      : iniEntries(file.text).flatMap(entry => {
          const isRemote = liesAt(entry, 'remote.*.url') && file.path.endsWith('config')
          const isModule = liesAt(entry, 'submodule.*.url') && file.path.endsWith('.gitmodules')
          if (!isRemote && !isModule) return []
          return [{ name: isRemote ? entry.path[1] : undefined, url: entry.value, file: file.path, line: entry.line }]
        }),
  )
}

interface Rewrite {
  readonly from: string
  readonly to: string
}

function rewritesOf(file: SourceFile): Rewrite[] {
  return iniEntries(file.text).flatMap(entry => {
    const key = entry.path.at(-1)?.toLowerCase()
    return entry.path[0] === 'url' && key === 'insteadof' ? [{ from: entry.value, to: entry.path[1] ?? '' }] : []
  })
}

/** The longest `insteadOf` wins (git-config(1)). */
function rewritten(url: string, rewrites: readonly Rewrite[]): string {
  const fitting = rewrites
    .filter(({ from }) => url.startsWith(from))
    .toSorted((a, b) => b.from.length - a.from.length)[0]
  return fitting === undefined ? url : fitting.to + url.slice(fitting.from.length)
}

/** `../other.git` is relative to the origin's URL (gitmodules(5)). */
function joined(origin: string, relative: string): string {
  let base = origin.replace(/\/+$/, '')
  let rest = relative
  for (;;) {
    if (rest.startsWith('../')) {
      base = base.replace(/[/:][^/:]*$/, '')
      rest = rest.slice(3)
    } else if (rest.startsWith('./')) rest = rest.slice(2)
    else return `${base}/${rest}`
  }
}
