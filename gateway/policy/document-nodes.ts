import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from 'yaml'
import { closest } from './closest.ts'
import type { Finding, FindingCode, Position } from './finding.ts'
import { quote } from './rule-host.ts'

/** Longest policy file that is read, in characters. */
const maxLength = 16 * 1024 * 1024

/** A value of the file and where it stands; `undefined` inside a node means that the fault is already reported. */
export interface Entry {
  readonly key: string
  readonly keyAt: number
  readonly value: Node | null
}

/** One YAML file being read: turns offsets into places and gathers every fault. */
export class SourceFile {
  readonly file: string
  readonly findings: Finding[] = []
  readonly #lines = new LineCounter()

  constructor(file: string) {
    this.file = file
  }

  position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) }
  }

  report(offset: number, code: FindingCode, what: string, fix: string): void {
    this.findings.push({ severity: 'error', code, what, fix, ...this.position(offset) })
  }

  /** The file's one document, or null when it is empty. Faults of the YAML itself are reported. */
  parse(text: string): Node | null {
    if (text.length > maxLength) {
      this.report(
        0,
        'YAML',
        `the file is longer than ${String(maxLength)} characters`,
        'split it and name the parts in `use`',
      )
      return null
    }
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      merge: false,
      version: '1.2',
    })
    for (const fault of [...document.errors, ...document.warnings]) {
      // `*` unquoted: reported below with what to write, where its text is asked for.
      if (fault.code === 'BAD_ALIAS') continue
      this.report(
        fault.pos[0],
        'YAML',
        fault.message,
        'correct the YAML; a value that begins with * or holds `: ` needs quotes',
      )
    }
    return document.contents
  }

  /** The entries of a mapping; keys that are unknown, doubled or not text are reported and left out. */
  entries(node: Node | null, what: string, known: readonly string[]): readonly Entry[] {
    if (!isMap<Node, Node | null>(node)) {
      this.#wrong(node, `${what} must be a mapping`, `write ${known.map(key => `${key}:`).join(', ')}`)
      return []
    }
    const found = new Map<string, Entry>()
    for (const { key: keyNode, value } of node.items) {
      const keyAt = startOf(keyNode) ?? startOf(node) ?? 0
      const key = isScalar(keyNode) ? String(keyNode.value) : ''
      if (!known.includes(key)) {
        const near = closest(key, known)
        this.report(
          keyAt,
          'UNKNOWN_KEY',
          `${what} has no key ${quote(key)}`,
          near === undefined ? `use ${known.join(', ')}` : `write ${near}`,
        )
      } else if (found.has(key)) {
        this.report(
          keyAt,
          'DUPLICATE_KEY',
          `${quote(key)} stands twice; YAML would silently take one of them`,
          'join both into one',
        )
      } else {
        found.set(key, { key, keyAt, value })
      }
    }
    return [...found.values()]
  }

  /** The items of a list; `key:` with nothing after it is an empty list. */
  items({ key, value }: Entry): readonly (Node | null)[] {
    if (isEmpty(value)) return []
    if (isSeq<Node | null>(value)) return value.items
    this.#wrong(value, `\`${key}\` must be a list`, `write each item on its own line after \`- \``)
    return []
  }

  /** Text, and where its first character stands. */
  text(node: Node | null, what: string, fix: string): { readonly text: string; readonly at: number } | undefined {
    if (isScalar(node) && typeof node.value === 'string') return { text: node.value, at: contentStart(node) }
    this.#wrong(node, `${what} must be text`, fix)
    return undefined
  }

  /** One of a closed set of words. */
  word<Word extends string>({ key, keyAt, value }: Entry, words: readonly Word[]): Word | undefined {
    const raw = isScalar(value) ? value.value : undefined
    const word = words.find(one => one === raw)
    if (word === undefined) {
      const near = typeof raw === 'string' ? closest(raw, words) : undefined
      const shown = isScalar(value) ? quote(String(raw)) : 'this'
      this.report(
        startOf(value) ?? keyAt,
        'WRONG_VALUE',
        `\`${key}\` is ${words.join(' or ')}, not ${shown}`,
        `write ${key}: ${near ?? words.join(' | ')}`,
      )
    }
    return word
  }

  #wrong(node: Node | null, what: string, fix: string): void {
    if (isAlias(node)) {
      this.report(
        startOf(node) ?? 0,
        'YAML',
        'a value that begins with * is a YAML alias unless it is quoted',
        `write ${quote(node.source === '' ? '**' : `*${node.source}`)}`,
      )
    } else {
      this.report(startOf(node) ?? 0, 'WRONG_VALUE', what, fix)
    }
  }
}

/** Where a node starts, in characters. */
export function startOf(node: unknown): number | undefined {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined
  return node.range?.[0]
}

/** True for a key with no value. */
export function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null)
}

function contentStart(node: Scalar): number {
  const isQuoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE'
  return (node.range?.[0] ?? 0) + (isQuoted ? 1 : 0)
}
