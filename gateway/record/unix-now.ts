/**
 * Milliseconds since 1970, with fractions, by a clock that does not run backwards while the process lives: when the machine's
 * is set, the lines of a record stay in order, and durations stay true.
 */
export function unixNow(): number {
  return performance.timeOrigin + performance.now()
}
