/** The option that `word` was most likely meant to be: at most two edits away, and not wholly other; else undefined. */
export function closest<Option extends string>(word: string, options: readonly Option[]): Option | undefined {
  const near = options
    .map(option => ({ option, edits: editsBetween(word.toLowerCase(), option.toLowerCase()) }))
    .filter(({ option, edits }) => edits <= Math.min(2, Math.max(1, Math.floor(option.length / 3))))
  return near.toSorted((a, b) => a.edits - b.edits)[0]?.option
}

/** Levenshtein's distance; words longer than 64 characters are not compared. */
function editsBetween(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return 64
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1]
    for (const [j, other] of b.split('').entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
