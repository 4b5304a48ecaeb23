import type { OctetPath } from './plain-file.ts'

/**
 * A pattern as gitignore(5) has it: without a slash it is a name at any depth, with one a path from its folder. `*`, `?` and
 * `[a-z]` stay within a name, `**` is any number of folders. No pattern takes longer than its length times the path's: the
 * job writes both.
 */
export interface Glob {
  readonly parts: readonly string[]
  /** Ends with a slash: matches folders only. */
  readonly isFolder: boolean
  /** Matches at any depth. */
  readonly isName: boolean
}

/** Undefined for one that matches nothing. */
export function parseGlob(text: string): Glob | undefined {
  const isFolder = text.endsWith('/')
  const bare = isFolder ? text.slice(0, -1) : text
  const anchored = bare.startsWith('/') ? bare.slice(1) : bare
  if (anchored === '') return undefined
  return { parts: anchored.split('/'), isFolder, isName: !bare.includes('/') }
}

/** Does it match this very path (relative to the pattern's folder)? Of folders above it, the caller asks. */
export function matchesGlob({ parts, isFolder, isName }: Glob, path: OctetPath, isPathFolder: boolean): boolean {
  if (isFolder && !isPathFolder) return false
  const names = path.split('/')
  if (isName) return matchesName(parts[0] ?? '', names.at(-1) ?? '')
  return matchesParts(parts, names)
}

/** As for names, with `**` in the place of `*`: goes back to the last one only. */
function matchesParts(parts: readonly string[], names: readonly string[]): boolean {
  let part = 0
  let name = 0
  let retryPart = -1
  let retryName = 0
  while (name < names.length) {
    if (parts[part] === '**') {
      // At the end it stands for one name at least.
      if (part === parts.length - 1) return true
      part += 1
      retryPart = part
      retryName = name
    } else if (part < parts.length && matchesName(parts[part] ?? '', names[name] ?? '')) {
      part += 1
      name += 1
    } else if (retryPart >= 0) {
      retryName += 1
      name = retryName
      part = retryPart
    } else return false
  }
  return part === parts.length
}

/** One name against one pattern. */
export function matchesName(pattern: string, name: string): boolean {
  let at = 0
  let read = 0
  let retryAt = -1
  let retryRead = 0
  while (read < name.length) {
    const end = endOfOne(pattern, at)
    if (pattern[at] === '*') {
      at += 1
      retryAt = at
      retryRead = read
    } else if (at < pattern.length && isOne(pattern.slice(at, end), name.charAt(read))) {
      at = end
      read += 1
    } else if (retryAt >= 0) {
      retryRead += 1
      read = retryRead
      at = retryAt
    } else return false
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}

/** Where the piece of a pattern that stands for one character ends. */
function endOfOne(pattern: string, at: number): number {
  if (pattern[at] === '\\') return Math.min(pattern.length, at + 2)
  if (pattern[at] !== '[') return at + 1
  const first = pattern[at + 1] === '!' || pattern[at + 1] === '^' ? at + 2 : at + 1
  const end = pattern.indexOf(']', first + 1)
  return end === -1 ? at + 1 : end + 1
}

function isOne(piece: string, character: string): boolean {
  if (piece === '?') return true
  if (piece.length === 2 && piece.startsWith('\\')) return piece.charAt(1) === character
  return piece.length > 2 && piece.startsWith('[') ? isInClass(piece.slice(1, -1), character) : piece === character
}

function isInClass(set: string, character: string): boolean {
  const isNegative = set.startsWith('!') || set.startsWith('^')
  const body = isNegative ? set.slice(1) : set
  let isIn = false
  for (let at = 0; at < body.length; at += 1) {
    const from = body.charAt(at)
    const isRange = body[at + 1] === '-' && at + 2 < body.length
    const to = isRange ? body.charAt(at + 2) : from
    if (isRange) at += 2
    if (from <= character && character <= to) isIn = true
  }
  return isIn !== isNegative
}
