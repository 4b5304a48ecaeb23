import { getDomain } from 'tldts'
import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { isSharedHost } from '../policy/shared-hosts.ts'
import { numberlessPattern } from '../policy/suggest-hosts.ts'
import { isMadeUp } from '../record/made-up-name.ts'

/** The host of a row: a name, or a pattern with the names it stands for so far. */
export interface HostFamily {
  readonly host: string
  /** See `Row.only`. */
  readonly only: readonly string[] | undefined
}

/** Names of a family that are listed; one more, and the pattern stands for all. */
const mostListed = 2

/**
 * The family that a host belongs to. A first label that is made up (a hash) is never seen twice, so it is a pattern at
 * once; names that differ in a number are listed until a third shows that they rotate. Both only below a domain that one
 * owner registered. Pure.
 */
export function familyOf(host: string): HostFamily {
  const pattern = safePattern(host)
  if (pattern === undefined) return { host, only: undefined }
  return { host: pattern, only: pattern.startsWith('*.') ? undefined : [host] }
}

/** The same for a name that was only looked up: numbers stand for themselves. */
export function familyOfName(host: string): HostFamily {
  const family = familyOf(host)
  return family.only === undefined ? family : { host, only: undefined }
}

/** Two families of one pattern, as one. */
export function joinOnly(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
): readonly string[] | undefined {
  if (a === undefined || b === undefined) return undefined
  const all = [...new Set([...a, ...b])].toSorted()
  return all.length > mostListed ? undefined : all
}

/** Does a row's host stand for this one? */
export function matchesHost({ host: known, only }: HostFamily, host: string): boolean {
  if (only !== undefined) return only.includes(host)
  return known === host || (known.includes('*') && anyPattern(host) === known)
}

/** The keys under which rows that may stand for a host are found: the host, and its pattern. */
export function keysOf(host: string): readonly string[] {
  const pattern = anyPattern(host)
  return pattern === undefined ? [host] : [host, pattern]
}

/** Is this a pattern that a row may have? One `*`, in the first label, below two labels or more. */
export function isPattern(host: string): boolean {
  const sample = host.startsWith('*.') ? '0123456789abcdef' : '1'
  return (
    host.split('.').length > 2 &&
    parseHostname(host.replace('*', '1')) !== undefined &&
    anyPattern(host.replace('*', sample)) === host
  )
}

/** The pattern of a host where its siblings have the same owner. */
function safePattern(host: string): string | undefined {
  const parent = host.slice(host.indexOf('.') + 1)
  const isOwned = !isSharedHost(host) && getDomain(parent, { allowPrivateDomains: true }) !== null
  return isOwned ? anyPattern(host) : undefined
}

/** The pattern of a host, whoever its siblings belong to. */
function anyPattern(host: string): string | undefined {
  if (parseAddress(host) !== undefined) return undefined
  const [label = '', ...parent] = host.split('.')
  return numberlessPattern(host) ?? (isMadeUp(label) && parent.length > 0 ? `*.${parent.join('.')}` : undefined)
}
