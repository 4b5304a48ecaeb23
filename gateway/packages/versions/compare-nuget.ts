/** Versions of NuGet packages: up to four numbers, then a pre-release as in semantic versions, whatever the case. */
export function compareNuget(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)]
  if (left === undefined || right === undefined) return undefined
  for (let at = 0; at < 4; at += 1) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0)
    if (difference !== 0) return difference
  }
  return comparePre(left.pre, right.pre)
}

function parse(text: string): { readonly numbers: readonly number[]; readonly pre: readonly string[] } | undefined {
  const [, numbers, pre] = /^(\d+(?:\.\d+){0,3})(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]+)?$/i.exec(text) ?? []
  if (numbers === undefined) return undefined
  return { numbers: numbers.split('.').map(Number), pre: pre?.toLowerCase().split('.') ?? [] }
}

/** Semantic Versioning 2.0.0 §11: none comes after any; numbers before words. */
function comparePre(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [mine, other] = [a[at], b[at]]
    if (mine === other) continue
    if (mine === undefined) return -1
    if (other === undefined) return 1
    const [isNumber, isOtherNumber] = [/^\d+$/.test(mine), /^\d+$/.test(other)]
    if (isNumber && isOtherNumber) return Number(mine) - Number(other)
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
    return mine < other ? -1 : 1
  }
  return 0
}
