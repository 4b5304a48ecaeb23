import { getDomain } from 'tldts'

/** Names that differ only in digits or hashes of their first label, and the pattern for them. */
export interface HostGroup {
  /** A host pattern of a rule; the name itself where there is only one. */
  readonly pattern: string
  readonly hosts: readonly string[]
}

/** Fewer names than this are listed one by one. */
const fewestSiblings = 3

/**
 * Groups names that rotate: three or more that share everything but digits or a hash in the first label, below a name that
 * one owner registered. Below a public suffix, or where anyone can have a name, every name stands for itself. Pure.
 */
export function groupHosts(hosts: readonly string[], isShared: (host: string) => boolean): readonly HostGroup[] {
  const families = new Map<string, string[]>()
  for (const host of hosts) {
    const pattern = rotatingPattern(host, isShared) ?? host
    const family = families.get(pattern)
    if (family === undefined) families.set(pattern, [host])
    else family.push(host)
  }
  return [...families].flatMap(([pattern, members]) =>
    pattern.includes('*') && members.length >= fewestSiblings
      ? [{ pattern, hosts: members }]
      : members.map(host => ({ pattern: host, hosts: [host] })),
  )
}

/** The pattern of a name that rotates; undefined where its siblings may be somebody else's. */
function rotatingPattern(host: string, isShared: (host: string) => boolean): string | undefined {
  const parent = host.slice(host.indexOf('.') + 1)
  if (isShared(host) || getDomain(parent, { allowPrivateDomains: true }) === null) return undefined
  return numberlessPattern(host)
}

/**
 * The pattern of the names that differ from this one only in digits, or in a hash, of the first label, whoever they belong
 * to; undefined when there is neither. It has one `*`. Pure.
 */
export function numberlessPattern(host: string): string | undefined {
  const dot = host.indexOf('.')
  if (dot === -1) return undefined
  const [label, parent] = [host.slice(0, dot), host.slice(dot + 1)]
  const skeleton = /^(?=.*\d)[0-9a-f]{8,}$/.test(label) ? '*' : label.replaceAll(/\d+/g, '*')
  return skeleton === label || /\*.*\*/.test(skeleton) ? undefined : `${skeleton}.${parent}`
}
