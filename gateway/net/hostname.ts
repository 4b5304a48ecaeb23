import { domainToASCII } from 'node:url'
import type { Brand } from './brand.ts'

/** A host name in the one form we compare: lower-case A-labels, no trailing dot, at most 253 characters. */
export type Hostname = Brand<string, 'Hostname'>

// ASCII only, and tested before lower-casing: 'K' (KELVIN SIGN) lower-cases to an ASCII 'k'.
// Hyphens are allowed anywhere and `_` too: names like `r3---sn-5hne6n7k.example` and `_acme-challenge` are in real use.
const name = /^[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/

// A last label that is a number makes inet_aton(3) and WHATWG URL parsers read the whole as an IPv4 address.
const endsInNumber = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/

/**
 * The canonical host name, or undefined when `raw` has no canonical form: lower case, one trailing dot removed.
 * Refused: empty labels, labels over 63 and names over 253 characters, anything but letters, digits, `-` and `_`
 * (so no NUL, space, bracket, colon, or byte above 127), and names that end in a number, which are addresses in disguise.
 * One function for DNS, SNI, Host and policy; RFC 1123 §2.1, RFC 5890 §2.3.
 */
export function parseHostname(raw: string): Hostname | undefined {
  const bare = raw.endsWith('.') ? raw.slice(0, -1) : raw
  if (bare.length > 253 || !name.test(bare)) return undefined
  const lower = bare.toLowerCase()
  return endsInNumber.test(lower) ? undefined : (lower as Hostname)
}

/**
 * The canonical name a person most likely meant, for messages only: white space and brackets trimmed, Unicode turned
 * into A-labels (UTS 46). Undefined when there is none.
 */
export function suggestHostname(raw: string): Hostname | undefined {
  const trimmed = raw.trim().replace(/^\[|\]$/g, '')
  return parseHostname(trimmed) ?? parseHostname(domainToASCII(trimmed))
}
