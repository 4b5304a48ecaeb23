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

  /** The values of all patterns that match; each once, in no particular order. */
  matching(parts: readonly string[]): readonly Value[] {
    let states: readonly Node<Value>[] = this.#closed([this.#root])
    for (const part of parts) {
      const next: Node<Value>[] = []
      for (const state of states) step(state, part, next)
      if (next.length === 0) return []
      states = this.#closed(next)
    }
    return states.flatMap(state => (state.value === undefined ? [] : [state.value]))
  }

  /** Adds the states that `**` reaches without consuming a part. */
  #closed(states: Node<Value>[]): readonly Node<Value>[] {
    if (!this.#manyMayBeNone) return states
    // The loop also visits what it appends: `**` after `**`.
    for (const state of states) if (state.many !== undefined && !states.includes(state.many)) states.push(state.many)
    return states
  }
}

function step<Value>(state: Node<Value>, part: string, next: Node<Value>[]): void {
  const add = (reached: Node<Value> | undefined): void => {
    if (reached !== undefined && !next.includes(reached)) next.push(reached)
  }
  if (state.loops) add(state)
  add(state.literals.get(part))
  if (part !== '') add(state.one)
  add(state.many)
  for (const [pattern, reached] of state.globs) if (matchPart(pattern, part)) add(reached)
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
