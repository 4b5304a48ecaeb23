import { isMap, isScalar, type Node } from 'yaml'
import { familyOf } from '../net/address.ts'
import { type Cidr, lastOf, parseCidr, renderCidr } from '../net/cidr.ts'
import { type Entry, type SourceFile, startOf } from './document-nodes.ts'
import { neverDialled } from './ranges.ts'
import { quote } from './rule-host.ts'
import { parseRule } from './rule-parse.ts'
import type { Effect, Rule } from './rule.ts'

/** Most that a rule may allow in one request body: the largest exact integer of a JSON number. */
const maxBytes = Number.MAX_SAFE_INTEGER

interface RuleOptions {
  maxRequestBytes?: number
  note?: string
  tenants?: 'shared'
}

/** The rules of one list; `origin` is the preset or file that `use` named, empty for the policy itself. */
export function readRules(
  source: SourceFile,
  list: Entry,
  effect: Effect,
  origin: string,
  isPreset: boolean,
): readonly Rule[] {
  return source.items(list).flatMap((item, index) => {
    const rule = readRule(source, item, effect, isPreset)
    const place = `${effect}[${String(index)}]`
    return rule === undefined ? [] : [{ ...rule, place: origin === '' ? place : `${origin}: ${place}` }]
  })
}

function readRule(
  source: SourceFile,
  item: Node | null,
  effect: Effect,
  isPreset: boolean,
): Omit<Rule, 'place'> | undefined {
  const options: RuleOptions = {}
  let target = item
  if (isMap(item)) {
    const to = readOptions(source, item, effect, isPreset, options)
    if (to === undefined) return undefined
    target = to
  }
  const written = source.text(
    target,
    'a rule',
    'write [METHOD[,METHOD…] ]TARGET, or { to: RULE, maxRequestBytes: N, note: TEXT }',
  )
  if (written === undefined) return undefined

  const result = parseRule(written.text, effect)
  if ('problems' in result) {
    for (const { offset, code, what, fix } of result.problems) source.report(written.at + offset, code, what, fix)
    return undefined
  }
  const { rule } = result
  if (options.maxRequestBytes !== undefined && !['https', 'http', 'wss', 'ws'].includes(rule.scheme)) {
    source.report(
      written.at,
      'WRONG_VALUE',
      `${rule.scheme}:// is not read, so its requests cannot be measured`,
      'leave maxRequestBytes out, or write https://',
    )
    return undefined
  }
  if (effect === 'allow' && rule.host.kind === 'address' && isNeverDialled(rule.host.cidr)) {
    source.report(
      written.at,
      'NEVER_DIALLED',
      `${renderCidr(rule.host.cidr)} is never dialled, by no rule`,
      'remove the rule',
    )
    return undefined
  }
  return { ...rule, ...options, effect, position: source.position(written.at) }
}

/** Fills `options` from `{ to, maxRequestBytes, note }` and returns what `to` holds; undefined when there is no `to`. */
function readOptions(
  source: SourceFile,
  item: Node,
  effect: Effect,
  isPreset: boolean,
  options: RuleOptions,
): Node | null | undefined {
  let to: Node | null | undefined
  const known = ['to', ...(effect === 'allow' ? ['maxRequestBytes'] : []), 'note', ...(isPreset ? ['tenants'] : [])]
  for (const entry of source.entries(item, 'a rule', known)) {
    const { key, keyAt, value } = entry
    if (key === 'to') {
      to = value
    } else if (key === 'maxRequestBytes') {
      const bytes = isScalar(value) ? value.value : undefined
      if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= maxBytes)
        options.maxRequestBytes = bytes
      else
        source.report(
          startOf(value) ?? keyAt,
          'WRONG_VALUE',
          'maxRequestBytes is a whole number of bytes',
          'write 10485760 for 10 MiB',
        )
    } else if (key === 'note') {
      const note = source.text(value, '`note`', 'write a sentence')
      if (note !== undefined) options.note = note.text
    } else if (source.word(entry, ['shared']) === 'shared') {
      options.tenants = 'shared'
    }
  }
  if (to === undefined)
    source.report(startOf(item) ?? 0, 'MISSING_KEY', 'a rule needs `to`', 'write { to: TARGET, note: TEXT }')
  return to
}

/** The blocks of `private:`. */
export function readRanges(source: SourceFile, list: Entry): readonly Cidr[] {
  return source.items(list).flatMap(item => {
    const written = source.text(item, 'a range', 'write 10.20.0.0/16')
    if (written === undefined) return []
    const cidr = parseCidr(written.text)
    if (cidr === undefined) {
      source.report(
        written.at,
        'BAD_ADDRESS',
        `not an address or block: ${quote(written.text)}`,
        'write 10.20.0.0/16, 10.0.0.7 or fd12:3456::/32',
      )
      return []
    }
    if (renderCidr(cidr) !== written.text) {
      source.report(
        written.at,
        'NOT_CANONICAL',
        `${quote(written.text)} is not the canonical form of this block`,
        `write ${renderCidr(cidr)}`,
      )
      return []
    }
    if (isNeverDialled(cidr)) {
      source.report(written.at, 'NEVER_DIALLED', `${written.text} is never dialled, by no rule`, 'remove the range')
      return []
    }
    return [cidr]
  })
}

/** Absolute paths of certificate files. */
export function readPaths(source: SourceFile, list: Entry): readonly string[] {
  return source.items(list).flatMap(item => {
    const written = source.text(item, 'a file', 'write an absolute path such as /etc/tidegate/corporate-ca.pem')
    if (written === undefined) return []
    if (written.text.startsWith('/') && !written.text.includes('\0')) return [written.text]
    source.report(
      written.at,
      'WRONG_VALUE',
      `not an absolute path: ${quote(written.text)}`,
      'write an absolute path such as /etc/tidegate/corporate-ca.pem',
    )
    return []
  })
}

/** Whether a whole block is never dialled; a wider block is cut at dial time. */
function isNeverDialled(cidr: Cidr): boolean {
  // Every class that is never dialled fills whole blocks of at least these lengths around each of its addresses.
  return cidr.prefix >= (familyOf(cidr.base) === 6 ? 8 : 4) && neverDialled(cidr.base) && neverDialled(lastOf(cidr))
}
