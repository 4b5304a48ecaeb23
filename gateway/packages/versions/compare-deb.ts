const form = /^(?:(\d+):)?([\w.+~:-]+?)(?:-([\w.+~]+))?$/

/** Versions of Debian packages (deb-version(7)): epoch, version, revision; `~` comes before everything. Undefined: it is none. */
export function compareDeb(a: string, b: string): number | undefined {
  const [left, right] = [form.exec(a), form.exec(b)]
  if (left === null || right === null) return undefined
  const [, epoch = '0', version = '', revision = '0'] = left
  const [, otherEpoch = '0', otherVersion = '', otherRevision = '0'] = right
  return (
    Number(epoch) - Number(otherEpoch) || comparePart(version, otherVersion) || comparePart(revision, otherRevision)
  )
}

/** In turn what has no digits and what is a number. */
function comparePart(a: string, b: string): number {
  const [left, right] = [pieces(a), pieces(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [mine = '', other = ''] = [left[at], right[at]]
    const order = at % 2 === 0 ? compareText(mine, other) : compareNumber(mine, other)
    if (order !== 0) return order
  }
  return 0
}

function pieces(text: string): readonly string[] {
  return [...text.matchAll(/(\D*)(\d*)/g)].flatMap(([, word = '', number = '']) => [word, number])
}

function compareNumber(a: string, b: string): number {
  const difference = BigInt(a === '' ? 0 : a) - BigInt(b === '' ? 0 : b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function compareText(a: string, b: string): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = weight(a[at]) - weight(b[at])
    if (difference !== 0) return difference
  }
  return 0
}

/** `~`, then the end, then letters, then the rest. */
function weight(character: string | undefined): number {
  if (character === '~') return -1
  if (character === undefined) return 0
  const code = character.charCodeAt(0)
  return /[a-z]/i.test(character) ? code : code + 256
}
