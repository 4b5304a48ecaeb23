import { type Address, parseAddress } from '../../../gateway/net/address.ts'
import { type Hostname, parseHostname } from '../../../gateway/net/hostname.ts'
import { parsePort, type Port } from '../../../gateway/net/port.ts'
import type { Destination } from '../../../gateway/policy/decision.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'

/** Lists of rules to make a policy of. */
export interface Lists {
  readonly mode?: 'audit' | 'block'
  readonly allow?: readonly unknown[]
  readonly deny?: readonly unknown[]
  readonly forbid?: readonly unknown[]
  readonly private?: readonly string[]
  readonly tls?: { readonly inspect?: string; readonly extraCa?: readonly string[] }
  readonly onLogFailure?: string
}

/** A policy of some rules, block unless said; JSON is YAML. */
export function policyOf(lists: Lists): Policy {
  return parsePolicy(JSON.stringify({ version: 1, mode: 'block', ...lists }), 'policy.yaml', () => undefined)
}

export function host(raw: string): Hostname {
  return found(parseHostname(raw), raw)
}

export function address(raw: string): Address {
  return found(parseAddress(raw), raw)
}

export function port(raw: number): Port {
  return found(parsePort(raw), String(raw))
}

/** A question to DNS. */
export function name(raw: string): Destination {
  return { kind: 'name', host: host(raw) }
}

/** A connection to a name: `tcp://host:port`. */
export function connection(raw: string, number = 443, transport: 'tcp' | 'udp' = 'tcp'): Destination {
  return { kind: 'endpoint', transport, host: host(raw), port: port(number) }
}

/** A connection to a literal address. */
export function literal(raw: string, number = 443, transport: 'tcp' | 'udp' = 'tcp'): Destination {
  return { kind: 'address', transport, address: address(raw), port: port(number) }
}

/** A request as `METHOD scheme://host/path`, at the scheme's own port. */
export function request(text: string): Destination {
  const [, method = '', scheme = '', raw = '', number, path = ''] =
    /^(\S+) (https|http|wss|ws):\/\/([^/:]+)(?::(\d+))?(\/.*)$/.exec(text) ?? []
  if (scheme !== 'https' && scheme !== 'http' && scheme !== 'wss' && scheme !== 'ws')
    throw new Error(`not a request: ${text}`)
  const own = scheme === 'https' || scheme === 'wss' ? 443 : 80
  return { kind: 'request', scheme, host: host(raw), port: port(Number(number ?? own)), method, path }
}

function found<Value>(value: Value | undefined, raw: string): Value {
  if (value === undefined) throw new Error(`not in canonical form: ${raw}`)
  return value
}
