import { GatewayError } from '../errors.ts'
import { parseAddress } from '../net/address.ts'
import type { ResolverAddress } from './upstream-udp.ts'

/** What the gateway takes from a resolv.conf(5). */
export interface ResolverConfig {
  readonly servers: readonly ResolverAddress[]
  /** `options timeout:`, in milliseconds, 1,000 to 30,000. */
  readonly tryMs?: number
  /** `options attempts:`, 1 to 5. */
  readonly tries?: number
}

const maxServers = 8

/**
 * Reads the text of a resolv.conf(5): `nameserver` lines (IPv4, or IPv6 with an optional `%zone`) and the options
 * `timeout` and `attempts`. Everything else (`search`, `ndots`, `sortlist` …) is for clients, not for a resolver.
 * @throws GatewayError NO_RESOLVER when no line names one.
 */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: ResolverAddress[] = []
  let tryMs: number | undefined
  let tries: number | undefined
  for (const line of text.split(/\r?\n/)) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver') {
      const server = parseServer(values[0] ?? '')
      if (server !== undefined && servers.length < maxServers) servers.push(server)
    }
    if (keyword === 'options') {
      tryMs = readOption(values, 'timeout', 1, 30, 1_000) ?? tryMs
      tries = readOption(values, 'attempts', 1, 5, 1) ?? tries
    }
  }
  if (servers.length === 0) throw new GatewayError('NO_RESOLVER', 'resolv.conf names no resolver')
  return { servers, ...(tryMs === undefined ? {} : { tryMs }), ...(tries === undefined ? {} : { tries }) }
}

function parseServer(raw: string): ResolverAddress | undefined {
  const [, text = '', zone = ''] = /^([^%]+)(%[\w.-]{1,15})?$/.exec(raw) ?? []
  const address = parseAddress(text)
  if (address === undefined || (zone !== '' && !address.includes(':'))) return undefined
  return { address: `${address}${zone}`, port: 53 }
}

function readOption(
  values: readonly string[],
  name: string,
  least: number,
  most: number,
  unit: number,
): number | undefined {
  const value = values
    .map(text => new RegExp(`^${name}:([0-9]{1,3})$`).exec(text)?.[1])
    .findLast(text => text !== undefined)
  return value === undefined ? undefined : Math.min(most, Math.max(least, Number(value))) * unit
}
