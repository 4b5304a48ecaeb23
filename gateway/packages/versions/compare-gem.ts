/** Versions of Ruby gems (`Gem::Version`): words come before numbers, and what is missing is zero. Undefined: it is none. */
export function compareGem(a: string, b: string): number | undefined {
  const [left, right] = [segments(a), segments(b)]
  if (left === undefined || right === undefined) return undefined
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [mine, other] = [left[at] ?? '0', right[at] ?? '0']
    const order = compareSegments(mine, other)
    if (order !== 0) return order
  }
  return 0
}

function segments(text: string): readonly string[] | undefined {
  if (!/^\d+(?:\.[0-9a-z]+)*(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?$/i.test(text)) return undefined
  return text.replaceAll('-', '.pre.').match(/\d+|[a-z]+/gi) ?? []
}

function compareSegments(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^\d/.test(a), /^\d/.test(b)]
  if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
  if (!isNumber) return a === b ? 0 : a < b ? -1 : 1
  const difference = BigInt(a) - BigInt(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}
