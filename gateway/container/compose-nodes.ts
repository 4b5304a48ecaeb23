import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml'

/** A value of a compose file, and where it stands. */
export interface Placed<Value> {
  readonly value: Value
  /** Offset in the file, from 0. */
  readonly at: number
}

/** One entry of a mapping. */
export interface ComposeEntry {
  readonly key: string
  readonly keyAt: number
  readonly node: Node | null
}

/**
 * Reads the nodes of one compose file as compose does: aliases and merge keys (`<<`) are followed, and of a variable its
 * default is taken, for what it will be is not in the file.
 */
export class ComposeReader {
  readonly #document: Document

  constructor(document: Document) {
    this.#document = document
  }

  /** The entries of a mapping, its own before those it merges; empty for anything else. */
  entries(node: Node | null | undefined): readonly ComposeEntry[] {
    const seen = new Map<string, ComposeEntry>()
    this.#gather(node, seen, 0)
    return [...seen.values()]
  }

  /** The value of a key; undefined when it is not there. */
  at(node: Node | null | undefined, key: string): ComposeEntry | undefined {
    return this.entries(node).find(entry => entry.key === key)
  }

  /** The items of a list; empty for anything else. */
  items(node: Node | null | undefined): readonly (Node | null)[] {
    const list = this.#follow(node)
    return isSeq<Node | null>(list) ? list.items : []
  }

  /** Text, numbers and booleans as text; undefined for lists and mappings. */
  text(node: Node | null | undefined): Placed<string> | undefined {
    const scalar = this.#follow(node)
    if (!isScalar(scalar)) return undefined
    const { value } = scalar
    const text =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
    return { value: withDefaults(text), at: scalar.range?.[0] ?? 0 }
  }

  /** A list of texts, or one text as a list of one. */
  texts(node: Node | null | undefined): readonly Placed<string>[] {
    const one = this.text(node)
    if (one !== undefined) return one.value === '' ? [] : [one]
    return this.items(node).flatMap(item => this.text(item) ?? [])
  }

  /** A mapping of texts, or a list of `KEY=VALUE`. */
  pairs(node: Node | null | undefined): ReadonlyMap<string, Placed<string>> {
    const listed = this.items(node).flatMap(item => this.text(item) ?? [])
    const named = this.entries(node).map(({ key, keyAt, node: value }) => {
      return [key, { value: this.text(value)?.value ?? '', at: keyAt }] as const
    })
    const split = listed.map(({ value, at }) => {
      const [key = '', ...rest] = value.split('=')
      return [key, { value: rest.join('='), at }] as const
    })
    return new Map([...named, ...split])
  }

  isMapping(node: Node | null | undefined): boolean {
    return isMap(this.#follow(node))
  }

  #gather(node: Node | null | undefined, seen: Map<string, ComposeEntry>, depth: number): void {
    const map = this.#follow(node)
    // Nobody merges so deeply but a file that merges itself.
    if (!isMap<Node, Node | null>(map) || depth > 16) return
    const merged: (Node | null)[] = []
    for (const { key: keyNode, value } of map.items) {
      if (!isScalar(keyNode)) continue
      const key = String(keyNode.value)
      if (key === '<<') merged.push(value)
      else if (!seen.has(key)) seen.set(key, { key, keyAt: keyNode.range?.[0] ?? 0, node: value })
    }
    for (const value of merged) {
      const several = this.items(value)
      for (const each of several.length > 0 ? several : [value]) this.#gather(each, seen, depth + 1)
    }
  }

  #follow(node: Node | null | undefined): Node | undefined {
    let at: Node | null | undefined = node
    for (let step = 0; isAlias(at) && step < 16; step += 1) at = at.resolve(this.#document)
    return at ?? undefined
  }
}

/** `${NAME:-default}` and `${NAME-default}` as their default; `$$` is a dollar sign. */
function withDefaults(text: string): string {
  return text.replace(/\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*:?-([^{}]*)\}/g, (whole: string, fallback: string | undefined) =>
    whole === '$$' ? '$' : (fallback ?? ''),
  )
}
