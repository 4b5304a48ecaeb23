import { matchesGlob, parseGlob, type Glob } from './glob.ts'
import type { OctetPath } from './plain-file.ts'

interface Line {
  readonly glob: Glob
  readonly attributes: ReadonlyMap<string, string>
}

/** What git may have done to a file between its blob and the work tree. */
export interface Conversion {
  /** The file's content is kept elsewhere; its blob is a pointer (Git LFS). */
  readonly isLfs: boolean
  /** Line feeds may have become CRLF. */
  readonly isText: boolean
  /** A program or keyword expansion that nobody can follow without running it. */
  readonly isUnknown: boolean
}

/** gitattributes(5) of a commit, as far as they change what stands in the work tree. */
export class Attributes {
  readonly #lines = new Map<OctetPath, readonly Line[]>()

  /** `settings`: files by path, among them those named `.gitattributes`. */
  constructor(settings: ReadonlyMap<OctetPath, Buffer>) {
    for (const [path, text] of settings) {
      if (!/(?:^|\/)\.gitattributes$/.test(path)) continue
      this.#lines.set(path.slice(0, Math.max(0, path.lastIndexOf('/'))), parseLines(text.toString('latin1')))
    }
  }

  conversionOf(path: OctetPath): Conversion {
    if (this.#lines.size === 0) return none
    const filter = this.#value(path, 'filter')
    return {
      isLfs: filter === 'lfs',
      isText:
        !isOff(this.#value(path, 'text')) || !isOff(this.#value(path, 'eol')) || !isOff(this.#value(path, 'crlf')),
      isUnknown:
        (!isOff(filter) && filter !== 'lfs') ||
        !isOff(this.#value(path, 'ident')) ||
        !isOff(this.#value(path, 'working-tree-encoding')),
    }
  }

  #value(path: OctetPath, name: string): string | undefined {
    const names = path.split('/')
    for (let depth = names.length - 1; depth >= 0; depth -= 1) {
      const lines = this.#lines.get(names.slice(0, depth).join('/')) ?? []
      const below = names.slice(depth).join('/')
      const found = lines.findLast(({ glob, attributes }) => attributes.has(name) && matchesGlob(glob, below, false))
      if (found !== undefined) return found.attributes.get(name)
    }
    return undefined
  }
}

function isOff(value: string | undefined): boolean {
  return value === undefined || value === 'false'
}

const none: Conversion = { isLfs: false, isText: false, isUnknown: false }
const mostLines = 10_000

function parseLines(text: string): readonly Line[] {
  return text
    .split('\n')
    .slice(0, mostLines)
    .flatMap(line => {
      const [pattern = '', ...words] = line.trim().split(/[ \t]+/)
      const glob = pattern.startsWith('#') || pattern.startsWith('[') ? undefined : parseGlob(pattern)
      return glob === undefined ? [] : [{ glob, attributes: new Map(words.flatMap(attribute)) }]
    })
}

/** `name`, `-name`, `!name`, `name=value`; `binary` is git's own short form. */
function attribute(word: string): readonly (readonly [string, string])[] {
  if (word === 'binary') return [['text', 'false']]
  if (word.startsWith('-') || word.startsWith('!')) return [[word.slice(1), 'false']]
  const at = word.indexOf('=')
  return at === -1 ? [[word, 'true']] : [[word.slice(0, at), word.slice(at + 1)]]
}
