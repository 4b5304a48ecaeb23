import { parseAddress } from '../net/address.ts'
import { parseHostname, suggestHostname } from '../net/hostname.ts'
import { normalisePath } from '../net/path.ts'
import { parsePort } from '../net/port.ts'
import { GatewayError } from '../errors.ts'
import type { Destination, Host } from './decision.ts'
import { type Endpoint, renderPlace, suggestLine } from './explain.ts'
import { quote } from './rule-host.ts'

/** One flow to explain: over which transport, and to what. */
export interface ExplainTarget {
  readonly transport: 'tcp' | 'udp'
  readonly flow: Endpoint | Extract<Destination, { kind: 'request' }>
  /** The policy line that would allow just this. */
  readonly line: string
}

const target = /^(?:([a-z]+):\/\/)?(\[[^\]]*\]|[^/:?#[\]]+)(?::([0-9]+))?([/?#].*)?$/s
const defaultPorts = new Map([
  ['https', 443],
  ['http', 80],
  ['wss', 443],
  ['ws', 80],
  ['tls', 443],
])

/**
 * Reads `[scheme://]host[:port][/path]` as a client would use it: a URL as it stands in a log or a manifest, with its
 * query; https when there is no scheme.
 * @throws GatewayError USAGE
 */
export function parseExplainTarget(text: string, method: string | undefined): ExplainTarget {
  const [, scheme = 'https', rawHost = '', rawPort, rest = ''] = target.exec(text) ?? []
  const host = parseHost(rawHost, text)
  const number = rawPort === undefined ? defaultPorts.get(scheme) : Number(rawPort)
  const port = number === undefined ? undefined : parsePort(number)
  if (port === undefined)
    throw usage(
      rawPort === undefined
        ? `${scheme}:// needs a port: ${quote(text)}`
        : `not a port from 1 to 65535: ${quote(text)}`,
    )
  switch (scheme) {
    case 'https':
    case 'http':
    case 'wss':
    case 'ws': {
      const path = normalisePath(rest.startsWith('/') ? rest.replace(/#.*$/s, '') : '/')
      if (path === undefined) throw usage(`no request has this path in normal form: ${quote(rest)}`)
      const flow = { kind: 'request', scheme, host, port, method: method ?? 'GET', path } as const
      // What names no method and no path asks for the host as a whole.
      const line = method === undefined && rest === '' ? renderPlace(scheme, host, port) : suggestLine(flow)
      return { transport: 'tcp', flow, line }
    }
    case 'tls':
    case 'tcp':
    case 'udp': {
      const transport = scheme === 'udp' ? 'udp' : 'tcp'
      return { transport, flow: { kind: 'place', host, port }, line: renderPlace(scheme, host, port) }
    }
    default:
      throw usage(`no such scheme: ${quote(scheme)} (https, http, wss, ws, tls, tcp, udp)`)
  }
}

function parseHost(raw: string, text: string): Host {
  const host = parseAddress(raw.replace(/^\[|\]$/g, '')) ?? parseHostname(raw)
  if (host !== undefined) return host
  const meant = suggestHostname(raw)
  throw usage(`not a host name or address: ${quote(text)}${meant === undefined ? '' : `; did you mean ${meant}?`}`)
}

function usage(message: string): GatewayError {
  return new GatewayError('USAGE', message)
}
