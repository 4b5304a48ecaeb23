import { parseHostname, suggestHostname } from '../net/hostname.ts'
import { parseCidr, renderCidr } from '../net/cidr.ts'
import type { FindingCode } from './finding.ts'
import type { HostPattern } from './rule.ts'

/** A fault inside a rule's text; `offset` counts characters from its start. */
export interface Problem {
  readonly offset: number
  readonly code: FindingCode
  readonly what: string
  readonly fix: string
}

/** The pattern, or what is wrong with it. */
export type HostResult = { readonly pattern: HostPattern } | { readonly problem: Omit<Problem, 'offset'> }

/** Parses the host of a target: a name pattern, an IPv4 address or block, or an IPv6 one in brackets. */
export function parseHostPattern(raw: string): HostResult {
  if (raw === '') return bad('BAD_HOST', 'a target needs a host', 'write a name, such as packages.example.com')
  if (raw === '*') {
    return bad(
      'BARE_STAR',
      '`*` alone is refused: it reads like everything and means one label',
      'write ** and mean every name',
    )
  }
  if (raw.startsWith('[') || /^[0-9.]+(?:\/[0-9]*)?$/.test(raw)) return parseAddressPattern(raw)
  return parseNamePattern(raw)
}

function parseAddressPattern(raw: string): HostResult {
  const bare = raw.replace(/^\[|\]$/g, '')
  const cidr = parseCidr(bare)
  if (cidr === undefined) {
    return bad(
      'BAD_ADDRESS',
      `not an address or block: ${quote(raw)}`,
      'write 10.20.0.0/16, 203.0.113.7, [2001:db8::7] or [2001:db8::/32]',
    )
  }
  const text = renderCidr(cidr)
  const canonical = text.includes(':') ? `[${text}]` : text
  if (canonical === raw) return { pattern: { kind: 'address', cidr } }
  return bad('NOT_CANONICAL', `${quote(raw)} is not the canonical form of this address or block`, `write ${canonical}`)
}

function parseNamePattern(raw: string): HostResult {
  const labels = raw.split('.')
  const joined = labels.find(label => label.includes('**') && label !== '**')
  if (joined !== undefined) {
    return bad(
      'BAD_HOST',
      `\`**\` stands for whole labels, not for a part of one: ${quote(joined)}`,
      `write ${labels.map(label => (label === '**' ? label : label.replace(/\*+/g, '*'))).join('.')}`,
    )
  }
  if (isCanonicalPattern(raw)) return { pattern: { kind: 'name', labels } }
  const fixed = fixPattern(raw)
  if (fixed !== undefined) return bad('NOT_CANONICAL', `${quote(raw)} is not in canonical form`, `write ${fixed}`)
  return bad(
    'BAD_HOST',
    `${quote(raw)} is not a host name, pattern or address`,
    'use letters, digits, `-` and `_` in labels of 1 to 63 characters, 253 in all',
  )
}

/** A pattern is canonical when it is a canonical name once each `*` is a letter. */
function isCanonicalPattern(raw: string): boolean {
  const sample = raw.replaceAll('*', 'x')
  return parseHostname(sample) === sample
}

function fixPattern(raw: string): string | undefined {
  const withoutLeadingDot = raw.startsWith('.') ? `**${raw}` : raw
  // IDNA would refuse the `*`, so the labels without one are turned, and the others lower-cased.
  const labels = withoutLeadingDot.split('.').map(label => (label.includes('*') ? label.toLowerCase() : label))
  const plain = labels.filter(label => !label.includes('*')).join('.')
  const canonical = plain === '' ? '' : suggestHostname(plain)
  if (canonical === undefined) return undefined
  const names = canonical.split('.')
  const fixed = labels
    .map(label => (label.includes('*') ? label : (names.shift() ?? '')))
    .filter((label, index, all) => label !== '' || index < all.length - 1)
    .join('.')
  return isCanonicalPattern(fixed) ? fixed : undefined
}

function bad(code: FindingCode, what: string, fix: string): HostResult {
  return { problem: { code, what, fix } }
}

/** Text of a policy quoted for a message: control characters escaped, so that a terminal shows what is there. */
export function quote(text: string): string {
  const shown = text.length > 120 ? `${text.slice(0, 117)}…` : text
  return JSON.stringify(shown).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    character => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
