import { parseAllDocuments, isAlias, isMap, isPair, isScalar, isSeq, LineCounter } from 'yaml'
import { Unreadable } from './finding.ts'

/** One text value of a structured file: the way to it, and the line it stands on. Array members are keys '0', '1' … */
export interface Entry {
  readonly path: readonly string[]
  readonly value: string
  /** 1-based. */
  readonly line: number
}

const deepest = 64

/**
 * Does the entry lie where `pattern` says? Segments are separated by dots, `*` is any one segment, a last `**` any rest.
 */
export function liesAt(entry: Entry, pattern: string): boolean {
  const wanted = pattern.split('.')
  const isOpen = wanted.at(-1) === '**'
  if (isOpen ? entry.path.length < wanted.length - 1 : entry.path.length !== wanted.length) return false
  return wanted.every((segment, index) => segment === '**' || segment === '*' || segment === entry.path[index])
}

/** The entries of a JSON file. @throws Unreadable */
export function jsonEntries(text: string): Entry[] {
  let root: unknown
  try {
    root = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw new Unreadable('not valid JSON')
  }
  const lineOf = lineFinder(text)
  const entries: Entry[] = []
  let from = 0
  const walk = (value: unknown, path: readonly string[]): void => {
    if (path.length > deepest) throw new Unreadable('nested too deeply')
    if (typeof value === 'string') {
      // Values come in the order of the text, so the search never starts over.
      const quoted = JSON.stringify(value)
      const found = [quoted, quoted.replaceAll('/', String.raw`\/`)]
        .map(form => text.indexOf(form, from))
        .find(offset => offset !== -1)
      // Not found (other escapes; keys that look like numbers come first): the line of the value before it is near.
      if (found !== undefined) from = found + quoted.length
      entries.push({ path, value, line: lineOf(found ?? from) })
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) walk(member, [...path, key])
    }
  }
  walk(root, [])
  return entries
}

/** Gives the 1-based line of any offset, at the cost of a binary search. */
function lineFinder(text: string): (offset: number) => number {
  const ends: number[] = []
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) ends.push(at)
  return offset => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low + 1
  }
}

/** Text, numbers and truth values as text; undefined for what is none of them. */
export function scalarText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/** The scalar entries of every document of a YAML file; aliases are not expanded. @throws Unreadable */
export function yamlEntries(text: string): Entry[] {
  const counter = new LineCounter()
  const entries: Entry[] = []
  const walk = (node: unknown, path: readonly string[]): void => {
    if (path.length > deepest) throw new Unreadable('nested too deeply')
    if (isAlias(node)) return
    if (isScalar(node)) {
      const line = node.range ? counter.linePos(node.range[0]).line : 1
      const value = scalarText(node.value)
      if (value !== undefined) entries.push({ path, value, line })
    } else if (isMap(node)) {
      for (const pair of node.items) {
        if (isPair(pair)) walk(pair.value, [...path, isScalar(pair.key) ? String(pair.key.value) : '?'])
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => walk(item, [...path, String(index)]))
    }
  }
  try {
    for (const document of parseAllDocuments(text, { lineCounter: counter, logLevel: 'silent', uniqueKeys: false })) {
      const fault = document.errors[0]
      if (fault !== undefined) throw new Unreadable('not valid YAML', counter.linePos(fault.pos[0]).line)
      walk(document.contents, [])
    }
  } catch (error) {
    // The parser recurses: a file made of brackets alone must cost a warning, not the run.
    if (error instanceof RangeError) throw new Unreadable('nested too deeply')
    throw error
  }
  return entries
}

/** `key = value` and `key: value` lines under `[section "name"]` headers, as in git, pip and npm settings. */
export function iniEntries(text: string): Entry[] {
  const entries: Entry[] = []
  let section: readonly string[] = []
  let open: readonly string[] | undefined
  let indent = 0
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1
    const trimmed = raw.trim()
    if (trimmed === '' || /^[#;]/.test(trimmed)) continue
    const header = /^\[([^\s"\]]+)(?:\s+"((?:[^"\\]|\\.)*)")?\]/.exec(trimmed)
    const pair = /^([^=]+?)\s*=\s*(.*)$/.exec(trimmed)
    if (header !== null) {
      const name = header[1] ?? ''
      section = header[2] === undefined ? [name] : [name.toLowerCase(), header[2].replaceAll(/\\(.)/g, '$1')]
      open = undefined
    } else if (open !== undefined && raw.search(/\S/) > indent) {
      // A value goes on in lines that are indented deeper than its key (pip's settings).
      entries.push({ path: open, value: trimmed, line })
    } else if (pair !== null) {
      open = [...section, pair[1] ?? '']
      indent = raw.search(/\S/)
      const value = (pair[2] ?? '').replace(/^(["'])(.*)\1$/, '$2')
      if (value !== '') entries.push({ path: open, value, line })
    }
  }
  return entries
}
