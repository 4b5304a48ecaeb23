/** A name with its labels from the right, as tries and patterns walk them: `com.example.www`. */
export function reversedHost(host: string): string {
  return host.split('.').toReversed().join('.')
}

/** Segments of a path in normal form: what stands between and after its slashes. */
export function pathSegments(path: string): readonly string[] {
  return path.slice(1).split('/')
}

/** Whether a pattern part holds a `*`. */
export function isGlob(part: string): boolean {
  return part.includes('*')
}

/**
 * Matches one label or segment against a pattern part whose `*` stand for any characters, also none.
 * Greedy with one retreat point: at most length × length steps, no regular expression.
 */
export function matchPart(pattern: string, text: string): boolean {
  let at = 0
  let next = 0
  let star = -1
  let retreat = 0
  while (next < text.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      retreat = next
    } else if (at < pattern.length && pattern[at] === text[next]) {
      at++
      next++
    } else if (star >= 0) {
      at = star + 1
      next = ++retreat
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
