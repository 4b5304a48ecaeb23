import { classifyAddress } from '../net/address-class.ts'
import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { normalisePath } from '../net/path.ts'
import { parsePort } from '../net/port.ts'
import type { Scheme } from './decision.ts'
import { metadataHosts } from './lint-tables.ts'
import type { Observation } from './suggest-log.ts'

/** Where one flow went, in the words of a rule. */
export interface Target {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  /** Of `https` and `http`. */
  readonly method?: string
  /** Of `https`, `http`, `wss` and `ws`. */
  readonly path?: string
}

/** What is to be done with one flow: opened, or held back and why. */
export interface Standing {
  readonly target: Target
  /** Absent: the policy is to allow it. */
  readonly why?: string
  /** A private address that the name resolved to: the policy needs its range. */
  readonly privateAddress?: string
}

/** Reasons of audit that a rule cures; every other reason holds the flow back. */
const curable: ReadonlySet<string> = new Set(['no-rule', 'method', 'path', 'upgrade', 'protocol', 'rule'])

const reasonTexts: Readonly<Record<string, string>> = {
  forbidden: 'forbidden',
  'denied-by-rule': 'the policy denies it',
  'address-literal': 'an address was dialled instead of a name: whoever holds it gets through',
  'private-address': "the name resolved to a private address: if that is meant, add the range under 'private:'",
  'sni-mismatch': 'TLS asked for another name than was resolved, as domain fronting does',
  'host-mismatch': 'the request named another host than the connection, as domain fronting does',
  'no-sni': 'TLS named no host: only tcp:// would let it through, uninspected',
  malformed: 'it could not be parsed: only tcp:// would let it through, uninspected',
  'too-large': 'a request was larger than its rule allows',
  'dns-type': 'a DNS type that carries data',
  'dns-budget': 'names were asked for as a DNS tunnel does',
  'no-rule': 'no rule allowed it',
  method: 'its rule names other methods',
  path: 'its rule names other paths',
  upgrade: 'an upgrade to WebSocket without a wss:// rule',
  protocol: 'another protocol than its rule names',
}

/** Sorts one line; undefined when it is no flow, or never reached anything (a client that refused our certificate). */
export function standingOf(line: Observation): Standing | undefined {
  const scheme = schemeOf(line)
  if (scheme === undefined || line.port === undefined) return undefined
  const port = parsePort(line.port)
  if (port === undefined) return undefined
  if (line.layer === 'tls' && line.error !== undefined && line.verdict !== 'deny') return undefined
  const literal = parseAddress(line.host ?? line.address ?? '')
  const host = literal ?? parseHostname(line.host ?? '')
  if (host === undefined) return undefined
  const isWeb = scheme === 'https' || scheme === 'http'
  const target: Target = {
    scheme,
    host,
    port,
    ...(isWeb && line.method !== undefined ? { method: line.method } : {}),
    ...(line.path !== undefined && line.layer === 'http' ? { path: line.path } : {}),
  }
  const dialled = line.address === undefined ? undefined : parseAddress(line.address)
  const kind = dialled === undefined || literal !== undefined ? 'public' : classifyAddress(dialled)
  const why = holdBack(line, target, literal !== undefined, kind)
  if (why !== undefined) return { target: writable(target), why }
  return kind === 'public' || kind === 'documentation' || dialled === undefined
    ? { target }
    : { target, privateAddress: dialled }
}

function holdBack(line: Observation, target: Target, isLiteral: boolean, kind: string): string | undefined {
  const { verdict, reason = 'rule' } = line
  const text = reasonTexts[reason] ?? reason
  if (verdict === 'deny') return `refused: ${text}`
  if (kind === 'metadata' || metadataHosts.some(name => name === target.host))
    return 'it gives out the credentials of the machine (metadata)'
  if (isLiteral) return reasonTexts['address-literal']
  if (verdict !== 'allow' && verdict !== 'observe') return 'the log does not say what became of it'
  if (!curable.has(reason)) return text
  if (['loopback', 'unspecified', 'link-local', 'multicast', 'broadcast', 'virtual'].includes(kind))
    return 'it is not dialled in any mode'
  if (target.scheme === 'https' || target.scheme === 'http') {
    if (target.method === undefined || !/^[A-Z][A-Z_-]*$/.test(target.method) || target.method === 'CONNECT')
      return 'no rule can name this method'
    if (target.path === undefined) return 'the log names no path'
  }
  return target.path !== undefined && normalisePath(target.path) !== target.path
    ? 'no rule can name this path'
    : undefined
}

/** What is held back is shown as a rule, so only what a rule can say stays. */
function writable(target: Target): Target {
  const { scheme, host, port, method, path } = target
  const isMethod = method !== undefined && /^[A-Z][A-Z_-]*$/.test(method)
  const isPath = path !== undefined && normalisePath(path) === path
  return { scheme, host, port, method: isMethod ? method : 'GET', path: isPath ? path : '/' }
}

function schemeOf(line: Observation): Scheme | undefined {
  switch (line.layer) {
    case 'http':
      // An upgrade that the origin then refused is logged with the protocol it stayed on.
      if (line.protocol === 'websocket' || line.reason === 'upgrade') return line.inspected === true ? 'wss' : 'ws'
      return line.inspected === true ? 'https' : 'http'
    case 'tls':
    case 'tcp':
    case 'udp':
      return line.layer
    case 'packet':
      return line.protocol === 'udp' || line.protocol === 'tcp' ? line.protocol : undefined
    default:
      return undefined
  }
}
