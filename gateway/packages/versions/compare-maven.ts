/** Words that come before the release, in order; other words come after it, in the order of their letters. */
const ranks: Readonly<Record<string, number>> = {
  alpha: 0,
  beta: 1,
  milestone: 2,
  rc: 3,
  cr: 3,
  snapshot: 4,
  '': 5,
  final: 5,
  ga: 5,
  release: 5,
  sp: 6,
}

type Token = { readonly separator: string; readonly value: string }

/** Versions of Maven artifacts, by the order that its POM reference gives (“Version Order Specification”). */
export function compareMaven(a: string, b: string): number {
  const [left, right] = [trimmed(tokens(a)), trimmed(tokens(b))]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [mine, other] = [left[at] ?? padding(right[at]), right[at] ?? padding(left[at])]
    const order = compareTokens(mine, other)
    if (order !== 0) return order
  }
  return 0
}

/** Split at dots and hyphens, and between digits and letters, which is as a hyphen. An empty token is `0`. */
function tokens(version: string): readonly Token[] {
  const found: Token[] = []
  for (const [, separator = '', part = ''] of version.toLowerCase().matchAll(/(^|[.-])([^.-]*)/g)) {
    const pieces = part.match(/\d+|\D+/g) ?? ['0']
    for (const [at, piece] of pieces.entries()) {
      // `a1` is alpha 1, and the like: a single letter directly before a digit.
      const isShort = /^[abm]$/.test(piece) && /^\d/.test(pieces[at + 1] ?? '')
      const word = isShort ? { a: 'alpha', b: 'beta', m: 'milestone' }[piece] : piece
      found.push({ separator: at === 0 ? separator : '-', value: word ?? piece })
    }
  }
  return found
}

/** Trailing nulls say nothing, at the end and before each hyphen. */
function trimmed(all: readonly Token[]): readonly Token[] {
  const kept: Token[] = []
  for (const token of all) {
    if (token.separator === '-') dropNulls(kept)
    kept.push(token)
  }
  dropNulls(kept)
  return kept
}

function dropNulls(kept: Token[]): void {
  for (let last = kept.at(-1); last !== undefined && kept.length > 1 && isNull(last.value); last = kept.at(-1))
    kept.pop()
}

function isNull(value: string): boolean {
  return /^0+$/.test(value) || ranks[value] === 5
}

/** What stands against a token where the other version has ended: a null of its kind. */
function padding(other: Token | undefined): Token {
  const isNumber = /^\d/.test(other?.value ?? '')
  return { separator: other?.separator ?? '', value: isNumber ? '0' : '' }
}

function compareTokens(a: Token, b: Token): number {
  const [left, right] = [kindOf(a), kindOf(b)]
  if (left !== right) return left - right
  if (/^\d/.test(a.value)) return compareNumbers(a.value, b.value)
  const [leftRank, rightRank] = [ranks[a.value] ?? 7, ranks[b.value] ?? 7]
  if (leftRank !== rightRank) return leftRank - rightRank
  return leftRank === 7 && a.value !== b.value ? (a.value < b.value ? -1 : 1) : 0
}

/** `.word` = `-word` < `-1` < `.1`. */
function kindOf({ separator, value }: Token): number {
  if (!/^\d/.test(value)) return 0
  return separator === '-' ? 1 : 2
}

function compareNumbers(a: string, b: string): number {
  const difference = BigInt(a) - BigInt(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}
