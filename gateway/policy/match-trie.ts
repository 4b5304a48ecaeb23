import { isGlob, matchPart } from './match.ts'

interface Node<Value> {
  readonly literals: Map<string, Node<Value>>
  readonly globs: Map<string, Node<Value>>
  /** A part that is `*`: any one part that is not empty. */
  one: Node<Value> | undefined
  /** A part that is `**`. */
  many: Node<Value> | undefined
  /** Reached by `**`: stays where it is on every further part. */
  readonly loops: boolean
  value: Value | undefined
}

/**
 * Patterns of parts (the labels of a name, the segments of a path) as a tree, so that a look-up costs by the length of
 * what is looked up and by the patterns along its way, not by the number of patterns.
 */
export class PatternTrie<Value> {
  readonly #root: Node<Value> = node(false)
  readonly #manyMayBeNone: boolean
  readonly #empty: () => Value

  /** `manyMayBeNone`: whether `**` also stands for no part at all (paths) or for at least one (names). */
  constructor(options: { readonly manyMayBeNone: boolean; readonly empty: () => Value }) {
    this.#manyMayBeNone = options.manyMayBeNone
    this.#empty = options.empty
  }

  /** The value kept for a pattern, made when there is none yet. */
  at(pattern: readonly string[]): Value {
    let place = this.#root
    for (const part of pattern) place = child(place, part)
    place.value ??= this.#empty()
    return place.value
  }

  /**
   * The values of all patterns that match the parts of `text`, which stand between separators (one part at least);
   * each once, in no particular order. Taken apart only as far as patterns look.
   */
  matching(text: string, separator: string): readonly Value[] {
    let states: readonly Node<Value>[] = this.#closed([this.#root])
    for (let from = 0; from <= text.length && !states.every(isSettled);) {
      const found = text.indexOf(separator, from)
      const end = found < 0 ? text.length : found
      const part = text.slice(from, end)
      const next: Node<Value>[] = []
      for (const state of states) step(state, part, next)
      if (next.length === 0) return []
      states = this.#closed(next)
      from = end + 1
    }
    const values: Value[] = []
    for (const { value } of states) if (value !== undefined) values.push(value)
    return values
  }

  /** Adds the states that `**` reaches without consuming a part. */
  #closed(states: Node<Value>[]): readonly Node<Value>[] {
    if (!this.#manyMayBeNone) return states
    // The loop also visits what it appends: `**` after `**`.
    for (const state of states) if (state.many !== undefined && !states.includes(state.many)) states.push(state.many)
    return states
  }
}

/** Whatever comes, it stays where it is and leads nowhere else: a pattern that ends in `**`. */
function isSettled<Value>({ loops, literals, globs, one, many }: Node<Value>): boolean {
  return loops && literals.size === 0 && globs.size === 0 && one === undefined && many === undefined
}

function step<Value>(state: Node<Value>, part: string, next: Node<Value>[]): void {
  if (state.loops) add(next, state)
  add(next, state.literals.get(part))
  if (part !== '') add(next, state.one)
  add(next, state.many)
  // Most nodes have none, and an iterator is not free.
  if (state.globs.size === 0) return
  for (const [pattern, reached] of state.globs) if (matchPart(pattern, part)) add(next, reached)
}

function add<Value>(states: Node<Value>[], reached: Node<Value> | undefined): void {
  if (reached !== undefined && !states.includes(reached)) states.push(reached)
}

function child<Value>(parent: Node<Value>, part: string): Node<Value> {
  if (part === '**') return (parent.many ??= node(true))
  if (part === '*') return (parent.one ??= node(false))
  const siblings = isGlob(part) ? parent.globs : parent.literals
  const existing = siblings.get(part)
  if (existing !== undefined) return existing
  const made = node<Value>(false)
  siblings.set(part, made)
  return made
}

function node<Value>(loops: boolean): Node<Value> {
  return { literals: new Map(), globs: new Map(), one: undefined, many: undefined, loops, value: undefined }
}
