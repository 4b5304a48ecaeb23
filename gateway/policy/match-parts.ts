import { matchPart } from './match.ts'

/**
 * Whether every sequence that `inner` matches is matched by `outer` too. Sound, not complete: true is certain, false
 * may be a case too tangled to see. `**` takes one part or more, or none too when `manyMayBeNone`.
 */
export function containsPattern(outer: readonly string[], inner: readonly string[], manyMayBeNone: boolean): boolean {
  // reach[i] = the first j parts of `inner` are contained in the first i parts of `outer`, for the current j.
  let reach = Array.from({ length: outer.length + 1 }, () => false)
  reach[0] = true
  close(reach, outer, manyMayBeNone)
  for (const part of inner) {
    const next = Array.from({ length: outer.length + 1 }, () => false)
    for (const [index, pattern] of outer.entries()) {
      if (pattern === '**') {
        // A `**` that may be none needs one that may be none; both are always of one kind here.
        if (reach[index] === true || reach[index + 1] === true) next[index + 1] = true
      } else if (reach[index] === true && part !== '**' && containsPart(pattern, part)) {
        next[index + 1] = true
      }
    }
    reach = next
    close(reach, outer, manyMayBeNone)
  }
  return reach[outer.length] === true
}

/** Whether a pattern matches a sequence without `*`: the plain meaning of patterns, for tests and short lists. */
export function matchesParts(pattern: readonly string[], parts: readonly string[], manyMayBeNone: boolean): boolean {
  return containsPattern(pattern, parts, manyMayBeNone)
}

function close(reach: boolean[], outer: readonly string[], manyMayBeNone: boolean): void {
  if (!manyMayBeNone) return
  for (const [index, pattern] of outer.entries()) if (pattern === '**' && reach[index] === true) reach[index + 1] = true
}

function containsPart(outer: string, inner: string): boolean {
  // A lone `*` never matches an empty part; a part with a letter beside it does not either.
  if (outer === '*') return inner !== ''
  // A `*` of `inner` is a character that only a `*` of `outer` matches.
  return matchPart(outer, inner)
}
