import { createHash } from 'node:crypto'
import { type Address, parseAddress } from '../net/address.ts'
import { ledgerSets, overflowCounter } from './ruleset.ts'

/** Which set of the table a count stands in; `v6` is what the wire's device dropped of IPv6. */
export type RefusalKind = keyof typeof ledgerSets | 'v6'

/** What the kernel counted for one destination since the table was loaded. */
export interface Counted {
  readonly kind: RefusalKind
  /** Absent for IPv6, of which only the number is known. */
  readonly address?: Address
  /** Its usual name (`udp`, `icmp`, `gre`, `ipip`), else its number. */
  readonly protocol: string
  /** TCP and UDP only. */
  readonly port?: number
  /** Spoofed packets only: the source that was not the job's. */
  readonly source?: Address
  readonly packets: number
}

/** One look at a job's table. */
export interface TableReading {
  /** SHA-256 (hex) over chains, rules and the declarations of sets; what the sets hold and count is left out. */
  readonly digest: string
  readonly counts: readonly Counted[]
  /** Refused packets whose destination no longer fitted its set. */
  readonly uncounted: number
}

type Json = Readonly<Record<string, unknown>>

/** Reads what `nft -j list table` printed; undefined when it is not that. */
export function parseTable(text: string): TableReading | undefined {
  const entries = listing(text)
  if (entries === undefined) return undefined
  const hash = createHash('sha256')
  const counts: Counted[] = []
  let uncounted = 0
  for (const entry of entries) {
    for (const [type, value] of Object.entries(entry)) {
      if (type === 'metainfo' || !isJson(value)) continue
      hash.update(`${type} ${JSON.stringify(withoutState(type, value))}\n`)
      if (type === 'set') counts.push(...elements(value))
      if (type === 'counter' && value['name'] === overflowCounter) uncounted = numberOf(value['packets'])
    }
  }
  return { digest: hash.digest('hex'), counts, uncounted }
}

function listing(text: string): readonly Json[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const entries = isJson(parsed) ? parsed['nftables'] : undefined
  return Array.isArray(entries) ? entries.filter(isJson) : undefined
}

/** A handle is a number of the kernel's own, and the rest moves with the traffic. */
function withoutState(type: string, value: Json): Json {
  const { handle: _handle, elem: _elements, ...declared } = value
  if (type !== 'counter') return declared
  return { family: value['family'], table: value['table'], name: value['name'] }
}

const kinds = new Map<unknown, RefusalKind>([
  [ledgerSets.denied, 'denied'],
  [ledgerSets.protocol, 'protocol'],
  [ledgerSets.fragment, 'fragment'],
  [ledgerSets.spoofed, 'spoofed'],
  [ledgerSets.echo, 'echo'],
])

function elements(set: Json): readonly Counted[] {
  const kind = kinds.get(set['name'])
  const list = set['elem']
  if (kind === undefined || !Array.isArray(list)) return []
  return list.flatMap(item => {
    const counted = isJson(item) && isJson(item['elem']) ? element(kind, item['elem']) : undefined
    return counted === undefined ? [] : [counted]
  })
}

/** `{ val: { concat: [address, protocol, port] }, counter: { packets } }`, or `val` alone for a key of one field. */
function element(kind: RefusalKind, item: Json): Counted | undefined {
  const key = isJson(item['val']) && Array.isArray(item['val']['concat']) ? item['val']['concat'] : [item['val']]
  const fields = key.map(field => (typeof field === 'string' || typeof field === 'number' ? String(field) : ''))
  const packets = isJson(item['counter']) ? numberOf(item['counter']['packets']) : 0
  const source = kind === 'spoofed' ? parseAddress(fields[0] ?? '') : undefined
  const [to, protocol, port] = kind === 'spoofed' ? fields.slice(1) : fields
  const address = parseAddress(to ?? '')
  if (address === undefined) return undefined
  return {
    kind,
    address,
    packets,
    protocol: kind === 'echo' ? 'icmp' : nameOf(protocol ?? ''),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(source === undefined ? {} : { source }),
  }
}

/** Where /etc/protocols has another name than everybody else. */
function nameOf(protocol: string): string {
  return protocol === 'ipencap' ? 'ipip' : protocol
}

/** What the device dropped of IPv6, from the text of /proc/net/dev_snmp6/DEVICE. Pure. */
export function parseV6Discards(text: string): number {
  return Number(/^Ip6InDiscards\s+(\d+)$/m.exec(text)?.[1] ?? 0)
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
