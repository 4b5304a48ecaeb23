import type { Ecosystem } from '../asked.ts'
import { compareDeb } from './compare-deb.ts'
import { compareGem } from './compare-gem.ts'
import { compareMaven } from './compare-maven.ts'
import { compareNuget } from './compare-nuget.ts'
import { comparePep440 } from './compare-pep440.ts'
import { compareSemver, npmRange } from './compare-semver.ts'

/** Less than 0, 0, more than 0; undefined when one of the two is no version of this kind. */
type Compare = (a: string, b: string) => number | undefined

/** The order of versions; a kind that is not here has none that we could tell (images), or none that we know (Alpine). */
const orders: Partial<Readonly<Record<Ecosystem, Compare>>> = {
  npm: compareSemver,
  cargo: compareSemver,
  golang: compareSemver,
  pypi: comparePep440,
  maven: compareMaven,
  nuget: compareNuget,
  gem: compareGem,
  deb: compareDeb,
}

/** The order of an ecosystem's versions. */
export function orderOf(ecosystem: Ecosystem): Compare | undefined {
  return orders[ecosystem]
}

/** Is a version in a range? Undefined: it is no version that can be compared. */
export type InRange = (version: string) => boolean | undefined

/**
 * Reads what stands after the `@` of a denied package: an exact version, or comparisons that must all hold
 * (`>=1.2,<2.0.1`), alternatives with `||`; for npm any of its own ranges. Else the reason why it cannot be read.
 */
export function readRange(ecosystem: Ecosystem, text: string): InRange | { readonly fault: string } {
  const compare = orderOf(ecosystem)
  const hasOperator = /[<>=!|^~*\s,]|^\d+(?:\.\d+)?$|\bx\b/i.test(text)
  if (ecosystem === 'npm') {
    const range = npmRange(text.replaceAll(',', ' '))
    return range ?? { fault: 'it is no range of semantic versions' }
  }
  if (compare === undefined) {
    return /[<>=!|,\s]/.test(text)
      ? { fault: `versions of ${ecosystem} have no order here: name each one` }
      : version => version === text
  }
  if (!hasOperator || !/[<>=!|]/.test(text)) return exactly(text, compare)
  const alternatives = text.split('||').map(one => allOf(one.trim(), compare))
  const fault = alternatives.find(one => typeof one === 'string')
  if (typeof fault === 'string') return { fault }
  const ranges = alternatives.filter(one => typeof one !== 'string')
  return version => anyOf(ranges.map(range => range(version)))
}

function exactly(text: string, compare: Compare): InRange | { readonly fault: string } {
  if (!/^[\w.+~:-]+$/.test(text) || compare(text, text) === undefined) return { fault: `${text} is no version` }
  return version => (version === text ? true : (compare(version, text) ?? 1) === 0)
}

function allOf(text: string, compare: Compare): InRange | string {
  const parts = text.split(/[,\s]+(?=[<>=!])/)
  const tests: InRange[] = []
  for (const part of parts) {
    const [, operator = '', bound = ''] = /^(<=|>=|==?|!=|<|>)\s*([^\s,<>=!]+)$/.exec(part.trim()) ?? []
    if (operator === '' || compare(bound, bound) === undefined)
      return `${part.trim() || 'nothing'} is no comparison with a version`
    tests.push(version => {
      const order = compare(version, bound)
      return order === undefined ? undefined : holds(operator, order)
    })
  }
  return version => {
    const found = tests.map(test => test(version))
    return found.includes(undefined) ? undefined : found.every(Boolean)
  }
}

function holds(operator: string, order: number): boolean {
  if (operator === '<') return order < 0
  if (operator === '<=') return order <= 0
  if (operator === '>') return order > 0
  if (operator === '>=') return order >= 0
  return operator === '!=' ? order !== 0 : order === 0
}

function anyOf(found: readonly (boolean | undefined)[]): boolean | undefined {
  if (found.includes(true)) return true
  return found.includes(undefined) ? undefined : false
}
