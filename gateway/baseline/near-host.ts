import { domainToUnicode } from 'node:url'
import { getDomain, getDomainWithoutSuffix } from 'tldts'
import { isTenantName } from '../policy/shared-hosts.ts'

/** A known host that another is easily taken for, and how they differ, for the middle of a sentence. */
export interface NearHost {
  readonly known: string
  readonly how: string
}

/** Shorter names of an owner are near each other by chance. */
const shortestOwner = 4

/** Known hosts, ready to be compared with many others. */
export class NearHosts {
  readonly #named = new Map<string, string>()
  readonly #byAspect = new Map<string, string[]>()

  constructor(known: Iterable<string>) {
    for (const host of known) {
      const owner = ownerOf(host)
      if (owner === undefined || this.#named.has(host) || isShort(host)) continue
      this.#named.set(host, owner)
      for (const aspect of [...aspectsOf(host).keys(), `length ${host.length}`]) {
        const hosts = this.#byAspect.get(aspect)
        if (hosts === undefined) this.#byAspect.set(aspect, [host])
        else hosts.push(host)
      }
    }
  }

  /**
   * The known host that this one could be meant to be taken for; undefined when there is none. Hosts of one owner are not
   * looked at: whoever has `npm.acme.example` may well have `npn.acme.example`. Pure.
   */
  find(host: string): NearHost | undefined {
    const owner = ownerOf(host)
    if (owner === undefined || this.#named.has(host)) return undefined
    const isOthers = (known: string): boolean => this.#named.get(known) !== owner
    const front = frontsOf(host).find(name => this.#named.has(name) && isOthers(name))
    if (front !== undefined) return { known: front, how: 'which begins with the name of' }
    for (const length of [host.length, host.length - 1, host.length + 1]) {
      const known = this.#byAspect.get(`length ${length}`)?.find(name => isOthers(name) && isOneEdit(host, name))
      if (known !== undefined) return { known, how: 'one letter away from' }
    }
    for (const [aspect, how] of aspectsOf(host)) {
      const known = this.#byAspect.get(aspect)?.find(isOthers)
      if (known !== undefined) return { known, how }
    }
    return undefined
  }
}

/** What a host has in common with those that could be taken for it, each with how they differ then. */
function aspectsOf(host: string): ReadonlyMap<string, string> {
  return new Map([
    [`shape ${shapeOf(host)}`, 'which looks like'],
    [`labels ${host.split('.').toSorted().join('.')}`, 'which has, in another order, the labels of'],
    [`dots ${host.replaceAll('-', '.')}`, 'which has hyphens for the dots of'],
    ...otherAccounts(host).map(aspect => [aspect, 'under another account than'] as const),
  ])
}

/** `NAME.ACCOUNT.provider.example`: with the same name under any other account. Who has it chose its name freely. */
function otherAccounts(host: string): readonly string[] {
  if (!isTenantName(host)) return []
  const labels = host.split('.')
  return labels.slice(1).map((_, index) => `account ${labels.with(index + 1, '*').join('.')}`)
}

/** The names that a host begins with: of `a.b.c.d`, `a.b` and `a.b.c`. */
function frontsOf(host: string): readonly string[] {
  const labels = host.split('.')
  return labels.slice(2).map((_, index) => labels.slice(0, index + 2).join('.'))
}

function isShort(host: string): boolean {
  return (
    !isTenantName(host) && (getDomainWithoutSuffix(host, { allowPrivateDomains: true }) ?? '').length < shortestOwner
  )
}

/** The registered domain, where each tenant of a shared one is its own; undefined for addresses and bare labels. */
function ownerOf(host: string): string | undefined {
  return isTenantName(host) ? host : (getDomain(host, { allowPrivateDomains: true }) ?? undefined)
}

/** One letter more, less, or other, or two that changed places. */
export function isOneEdit(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  const [restA, restB] = [a.slice(start), b.slice(start)]
  if (restA.length !== restB.length) return restA.slice(1) === restB || restA === restB.slice(1)
  if (restA.slice(1) === restB.slice(1)) return true
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2)
}

const lookalikes: readonly (readonly [RegExp, string])[] = [
  [/rn/g, 'm'],
  [/vv/g, 'w'],
  [/cl/g, 'd'],
  [/0/g, 'o'],
  [/[1i|]/g, 'l'],
  [/5/g, 's'],
  [/[-_]/g, ''],
]

/** Letters of other scripts that are drawn like Latin ones (Unicode TS 39, the part that names use). */
const foreign: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аαɑ',
    b: 'ьƅ',
    c: 'сϲ',
    d: 'ԁ',
    e: 'еҽ',
    g: 'ɡց',
    h: 'һհ',
    i: 'іιɩı',
    j: 'јϳ',
    k: 'κк',
    l: 'ӏⅼ',
    m: 'мⅿ',
    n: 'пո',
    o: 'оοօ',
    p: 'рρ',
    q: 'ԛ',
    s: 'ѕ',
    t: 'тτ',
    u: 'υսц',
    v: 'νѵ',
    w: 'ԝѡ',
    x: 'хχ',
    y: 'уγ',
    z: 'ᴢ',
  }).flatMap(([letter, others]) => Array.from(others).map(other => [other, letter] as const)),
)

/** What a name looks like to somebody who reads it quickly. */
function shapeOf(host: string): string {
  const seen = (host.includes('xn--') ? domainToUnicode(host) || host : host).normalize('NFKD').replace(/\p{M}/gu, '')
  const latin = seen.replace(/\P{ASCII}/gu, letter => foreign.get(letter) ?? letter)
  return lookalikes.reduce((text, [pattern, letter]) => text.replaceAll(pattern, letter), latin)
}
