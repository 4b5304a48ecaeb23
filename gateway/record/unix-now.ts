/**
 * Milliseconds since 1970, with fractions, by a clock that does not run backwards while the process lives: when the machine's
 * is set, the lines of a record stay in order, and durations stay true.
 */
export function unixNow(): number {
  return performance.timeOrigin + performance.now()
}

/** The same for one record of many: it begins with the machine's time of now, whatever became of that since the process began. */
export function openClock(): () => number {
  const began = Date.now() - performance.now()
  return () => began + performance.now()
}
