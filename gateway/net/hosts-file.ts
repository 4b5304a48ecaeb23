import { type Address, parseAddress } from './address.ts'
import { classifyAddress } from './address-class.ts'
import { type Hostname, parseHostname } from './hostname.ts'

/** A hosts file (hosts(5)), by who needs to know what it says. */
export interface HostsFile {
  /** Names of other machines, and their addresses in the order of the file: a job must ask for these, or a rule that names them is never asked. */
  readonly others: ReadonlyMap<Hostname, readonly Address[]>
  /** What a job may know by itself: names that lead to itself or nowhere. The machine's own name leads to itself too. */
  readonly own: string
}

/** Reads the text of a hosts file; `machine` is what the machine is called. What is no address or no name is left out. Pure. */
export function parseHosts(text: string, machine: string): HostsFile {
  const others = new Map<Hostname, readonly Address[]>()
  const own: string[] = []
  for (const line of text.split('\n')) {
    const [raw = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    const address = parseAddress(raw)
    if (address === undefined || names.length === 0) continue
    if (staysHere(address)) {
      own.push(`${raw} ${names.join(' ')}`)
      continue
    }
    for (const host of names.flatMap(name => parseHostname(name) ?? []))
      others.set(host, [...(others.get(host) ?? []), address])
    if (names.some(name => name === machine || name.startsWith(`${machine}.`))) own.push(`127.0.1.1 ${names.join(' ')}`)
  }
  return { others, own: `${own.join('\n')}\n` }
}

function staysHere(address: Address): boolean {
  return ['loopback', 'unspecified', 'multicast'].includes(classifyAddress(address))
}
