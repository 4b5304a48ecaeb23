import { type Glob, matchesGlob, parseGlob } from './glob.ts'
import { octetPath, type OctetPath } from './plain-file.ts'

interface Rule {
  readonly glob: Glob
  readonly isNegative: boolean
}

/**
 * What git ignores, by the `.gitignore` files of a commit: what the job writes into them counts no more than what it writes
 * into `.git/info/exclude`.
 */
export class Ignored {
  readonly #rules = new Map<OctetPath, readonly Rule[]>()

  /** `settings`: files by path, among them those named `.gitignore`. */
  constructor(settings: ReadonlyMap<OctetPath, Buffer>) {
    for (const [path, text] of settings) {
      if (!/(?:^|\/)\.gitignore$/.test(path)) continue
      this.#rules.set(folderOf(path), parseRules(text.toString('latin1')))
    }
  }

  /** Is it ignored itself, or a folder that it is in? */
  has(path: OctetPath, isFolder: boolean): boolean {
    const names = path.split('/')
    return names.some((name, at) => {
      const isWhole = at === names.length - 1
      return name === '.git' || this.#says(names.slice(0, at + 1), !isWhole || isFolder)
    })
  }

  /** The last rule of the nearest file that has one decides. */
  #says(names: readonly string[], isFolder: boolean): boolean {
    for (let depth = names.length - 1; depth >= 0; depth -= 1) {
      const rules = this.#rules.get(names.slice(0, depth).join('/')) ?? []
      const below = names.slice(depth).join('/')
      const found = rules.findLast(({ glob }) => matchesGlob(glob, below, isFolder))
      if (found !== undefined) return !found.isNegative
    }
    return false
  }
}

/** What a policy declares as outputs: `integrity.allow`, written like the lines of a `.gitignore` at the workspace. */
export function allowedOutputs(globs: readonly string[]): (path: OctetPath, isFolder: boolean) => boolean {
  if (globs.length === 0) return () => false
  const written = globs.map(octetPath)
  const allowed = new Ignored(new Map([['.gitignore', Buffer.from(written.join('\n'), 'latin1')]]))
  // `dist/**` does not name `dist`, but means that it may be made.
  const folders = written.flatMap(glob => parseGlob(`/${glob}`.replace(/\/[^/]*$/, '')) ?? [])
  return (path, isFolder) =>
    allowed.has(path, isFolder) || (isFolder && folders.some(glob => matchesGlob(glob, path, true)))
}

/** The folder of a path; '' for the root. */
export function folderOf(path: OctetPath): OctetPath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

const mostRules = 10_000

function parseRules(text: string): readonly Rule[] {
  return text
    .split('\n')
    .slice(0, mostRules)
    .flatMap(line => {
      const rule = withoutTrailingSpace(line)
      if (rule === '' || rule.startsWith('#')) return []
      const isNegative = rule.startsWith('!')
      const glob = parseGlob(isNegative ? rule.slice(1) : rule)
      return glob === undefined ? [] : [{ glob, isNegative }]
    })
}

/** Spaces at the end do not count but for those after a backslash; nor does a carriage return. */
function withoutTrailingSpace(line: string): string {
  let end = line.length
  if (line[end - 1] === '\r') end -= 1
  while (line[end - 1] === ' ' && line[end - 2] !== '\\') end -= 1
  return line.slice(0, end)
}
