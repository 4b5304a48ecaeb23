import { parseAddress, type Address } from '../net/address.ts'

/** The IPv4 address that a name of in-addr.arpa stands for, e.g. `1.0.18.198.in-addr.arpa`; undefined for other names. */
export function parseReverseName(name: string): Address | undefined {
  const suffix = '.in-addr.arpa'
  return name.endsWith(suffix)
    ? parseAddress(name.slice(0, -suffix.length).split('.').toReversed().join('.'))
    : undefined
}

/** Networks whose reverse names no outside server can know: RFC 6303, RFC 7793, and 198.18.0.0/15, which is ours here. */
const localZones: ReadonlySet<string> = new Set([
  '0',
  '10',
  '127',
  '254.169',
  '168.192',
  '18.198',
  '19.198',
  '255.255.255.255',
  ...Array.from({ length: 16 }, (_, index) => `${16 + index}.172`),
  ...Array.from({ length: 64 }, (_, index) => `${64 + index}.100`),
])

/** IPv6: unspecified and loopback, unique local, link-local. */
const localZonesV6 = /(?:^|\.)(?:[01](?:\.0){31}|[cd]\.f|[89ab]\.e\.f)\.ip6\.arpa$/

/** True for reverse names that are answered here and never asked outside. */
export function isLocalReverseName(name: string): boolean {
  if (name.endsWith('.ip6.arpa')) return localZonesV6.test(name)
  if (!name.endsWith('.in-addr.arpa')) return false
  const labels = name.split('.').slice(0, -2)
  return labels.some((_, index) => localZones.has(labels.slice(index).join('.')))
}

/** True for reverse names of 198.18.0.0/15: virtual addresses and the job's wire. */
export function isVirtualReverseName(name: string): boolean {
  return /(?:^|\.)1[89]\.198\.in-addr\.arpa$/.test(name)
}
