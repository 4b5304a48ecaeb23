const form =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/

const phases: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 }
const above = Number.POSITIVE_INFINITY

interface Version {
  readonly epoch: number
  readonly release: readonly number[]
  /** What follows the release, in the order in which it decides. */
  readonly rest: readonly number[]
  readonly local: readonly (string | number)[]
}

/** Versions of Python packages (PEP 440, “Summary of permitted suffixes and relative ordering”); undefined when one is none. */
export function comparePep440(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)]
  if (left === undefined || right === undefined) return undefined
  return (
    left.epoch - right.epoch ||
    firstDifference(left.release, right.release) ||
    firstDifference(left.rest, right.rest) ||
    compareLocal(left.local, right.local)
  )
}

function parse(text: string): Version | undefined {
  const found = form.exec(text.trim().toLowerCase())
  if (found === null) return undefined
  const [, epoch = '0', release = '', phase, phaseNumber, plainPost, post, postNumber, dev, devNumber, local] = found
  const isPost = plainPost !== undefined || post !== undefined
  // A development release of the release itself comes before every alpha of it.
  const phaseRank = phase === undefined ? (!isPost && dev !== undefined ? -1 : 3) : (phases[phase] ?? 0)
  return {
    epoch: Number(epoch),
    release: release.split('.').map(Number),
    rest: [
      phaseRank,
      Number(phaseNumber ?? 0),
      isPost ? Number(plainPost ?? postNumber ?? 0) : -1,
      dev === undefined ? above : Number(devNumber ?? 0),
    ],
    local: local === undefined ? [] : local.split(/[-_.]/).map(part => (/^\d+$/.test(part) ? Number(part) : part)),
  }
}

/** As if the shorter one ended in zeros. */
function firstDifference(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [a[at] ?? 0, b[at] ?? 0]
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Numbers come after words, a longer one after its beginning. */
function compareLocal(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [a[at], b[at]]
    if (left === right) continue
    if (left === undefined) return -1
    if (right === undefined) return 1
    if (typeof left === typeof right) return left < right ? -1 : 1
    return typeof left === 'number' ? 1 : -1
  }
  return 0
}
