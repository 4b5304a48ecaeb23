import { absorbEvidence, type Evidence, noEvidence } from './suggest-evidence.ts'

/** Segments that are told apart; what lies deeper is `**`. */
const deepest = 6

/** How finely paths are told apart. */
export interface PathGrain {
  /** More different segments than this in one place are taken for a collection. */
  readonly siblings: number
  /** Branches kept; beyond, the deepest are folded. */
  readonly branches: number
}

export const usualGrain: PathGrain = { siblings: 8, branches: 64 }
/** Where anyone can have an account, the first segments say whose, and are kept apart longer. */
export const sharedGrain: PathGrain = { siblings: 64, branches: 512 }

interface Node {
  /** undefined: a collection, whose members are no longer told apart. */
  children: Map<string, Node> | undefined
  /** In a collection: whether something lay more than one segment below. */
  isDeep: boolean
  /** In a collection: evidence of all below. */
  readonly below: Evidence
  /** Evidence of paths that end here; undefined when none does. */
  ends: Evidence | undefined
}

/** One path pattern of a rule, with the evidence of the requests it stands for. */
export interface SuggestedPath {
  readonly pattern: string
  readonly evidence: Evidence
}

/**
 * The paths of one method on one host, generalised as they come in, in bounded memory: segments that look like ids, hashes
 * or versions are `*`; more siblings than the grain says are `*` when nothing lies below them, else `**`. Whatever was added is
 * covered by some pattern.
 */
export class PathTree {
  readonly #grain: PathGrain
  readonly #root: Node = emptyNode()
  #nodes = 0
  #depth = deepest

  constructor(grain: PathGrain) {
    this.#grain = grain
  }

  /** `path` is in normal form and starts with `/`. */
  add(path: string, evidence: Evidence): void {
    this.#place(path, evidence)
    this.#bound()
  }

  #place(path: string, evidence: Evidence): void {
    const segments = path.slice(1).split('/').map(segmentPattern)
    let node = this.#root
    for (const [index, segment] of segments.entries()) {
      if (node.children === undefined) {
        if (isDeepBelow(segments, index)) node.isDeep = true
        absorbEvidence(node.below, evidence)
        return
      }
      if (index >= this.#depth) {
        this.#collapse(node, true)
        absorbEvidence(node.below, evidence)
        return
      }
      const child = node.children.get(segment)
      if (child !== undefined) {
        node = child
        continue
      }
      const fresh = emptyNode()
      node.children.set(segment, fresh)
      this.#nodes += 1
      if (node.children.size > this.#grain.siblings) {
        this.#collapse(node, isDeepBelow(segments, index))
        absorbEvidence(node.below, evidence)
        return
      }
      node = fresh
    }
    absorbEvidence((node.ends ??= noEvidence()), evidence)
  }

  /** Adds all of another tree. */
  absorb(other: PathTree): void {
    this.#merge(this.#root, other.#root)
    this.#nodes = countNodes(this.#root)
    this.#bound()
  }

  /** The patterns, in the order of their text; none is covered by another. */
  patterns(): readonly SuggestedPath[] {
    const found: SuggestedPath[] = []
    const push = (pattern: string, evidence: Evidence): void => {
      const copy = noEvidence()
      absorbEvidence(copy, evidence)
      found.push({ pattern, evidence: copy })
    }
    const walk = (node: Node, prefix: string): void => {
      if (node.ends !== undefined) push(prefix, node.ends)
      if (node.children === undefined) push(`${prefix}/${node.isDeep ? '**' : '*'}`, node.below)
      for (const [segment, child] of node.children ?? []) walk(child, `${prefix}/${segment}`)
    }
    walk(this.#root, '')
    return withoutCovered(found).toSorted((a, b) => (a.pattern < b.pattern ? -1 : 1))
  }

  #bound(): void {
    while (this.#nodes > this.#grain.branches && this.#depth > 0) {
      this.#depth -= 1
      this.#fold(this.#root, 0)
    }
  }

  #collapse(node: Node, isDeep: boolean): void {
    if (node.children === undefined) {
      node.isDeep ||= isDeep
      return
    }
    for (const [segment, child] of node.children) {
      absorbAll(node.below, child)
      node.isDeep ||= isDeepChild(segment, child)
      this.#nodes -= countNodes(child) + 1
    }
    node.isDeep ||= isDeep
    node.children = undefined
  }

  #fold(node: Node, depth: number): void {
    if (node.children === undefined) return
    if (depth >= this.#depth) {
      if (node.children.size > 0) this.#collapse(node, true)
      return
    }
    for (const child of node.children.values()) this.#fold(child, depth + 1)
  }

  #merge(into: Node, from: Node): void {
    if (from.ends !== undefined) absorbEvidence((into.ends ??= noEvidence()), from.ends)
    if (from.children === undefined) {
      this.#collapse(into, from.isDeep)
      absorbEvidence(into.below, from.below)
      return
    }
    for (const [segment, child] of from.children) {
      if (into.children === undefined) {
        into.isDeep ||= isDeepChild(segment, child)
        absorbAll(into.below, child)
        continue
      }
      const own = into.children.get(segment) ?? emptyNode()
      into.children.set(segment, own)
      this.#merge(own, child)
      if (into.children.size > this.#grain.siblings) this.#collapse(into, false)
    }
  }
}

/** Would `*` in place of the segment at `index` miss the path? It stands for one segment that is not empty. */
function isDeepBelow(segments: readonly string[], index: number): boolean {
  return segments.length - index > 1 || segments[index] === ''
}

function isDeepChild(segment: string, child: Node): boolean {
  return segment === '' || child.children === undefined || child.children.size > 0
}

function emptyNode(): Node {
  return { children: new Map(), isDeep: false, below: noEvidence(), ends: undefined }
}

function absorbAll(evidence: Evidence, node: Node): void {
  absorbEvidence(evidence, node.below)
  if (node.ends !== undefined) absorbEvidence(evidence, node.ends)
  for (const child of node.children?.values() ?? []) absorbAll(evidence, child)
}

function countNodes(node: Node): number {
  let count = 0
  for (const child of node.children?.values() ?? []) count += 1 + countNodes(child)
  return count
}

const variableShapes = [
  /^\d+$/,
  /^(?=.*\d)[0-9a-fA-F]{7,64}$/,
  /^[0-9a-f]{16,}$/,
  /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
  /^v?\d+\.\d/,
  /[-_@]v?\d+\.\d/,
  /\d{4}-\d{2}-\d{2}/,
  /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_=-]{24,}$/,
]

/** The segment as a pattern: `*` for what looks made up for one request, or cannot stand in a rule as it is. */
function segmentPattern(segment: string): string {
  const isPlain = segment.length <= 64 && /^[A-Za-z0-9._~!$&'()+,;=:@%-]*$/.test(segment)
  return !isPlain || variableShapes.some(shape => shape.test(segment)) ? '*' : segment
}

/** Drops patterns that another of the list covers; their evidence goes there. */
function withoutCovered(paths: readonly SuggestedPath[]): SuggestedPath[] {
  const kept = paths.filter(path => !paths.some(other => other !== path && covers(other.pattern, path.pattern)))
  for (const path of paths) {
    if (kept.includes(path)) continue
    const wider = kept.find(other => covers(other.pattern, path.pattern))
    if (wider !== undefined) absorbEvidence(wider.evidence, path.evidence)
  }
  return kept
}

/** Does every path that `narrow` matches match `wide`? `**` stands only at the end here, and `*` for a whole segment. */
export function covers(wide: string, narrow: string): boolean {
  const [left, right] = [wide.slice(1).split('/'), narrow.slice(1).split('/')]
  for (const [index, segment] of left.entries()) {
    if (segment === '**') return true
    const other = right[index]
    if (other === undefined || other === '**' || other === '') {
      if (other !== '' || segment !== '') return false
    } else if (segment !== '*' && segment !== other) return false
  }
  return left.length === right.length
}
