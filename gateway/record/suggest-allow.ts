import { parseAddress } from '../net/address.ts'
import { type Hostname, parseHostname } from '../net/hostname.ts'
import { parsePort } from '../net/port.ts'
import type { Destination, DenyReason } from '../policy/decision.ts'
import { suggestLine } from '../policy/explain.ts'
import { knownExfiltration } from '../policy/known-exfiltration.ts'
import { hostOf, type FlowEvent } from './event.ts'
import { isMadeUp } from './made-up-name.ts'

/** Refusals that no allow line would undo, or should undo at a glance. */
const notForAllow: ReadonlySet<DenyReason> = new Set<DenyReason>([
  'forbidden',
  'denied-by-rule',
  'private-address',
  'sni-mismatch',
  'host-mismatch',
  'no-sni',
  'dns-type',
  'dns-budget',
  'too-large',
  'malformed',
  'job-unknown',
  'log-failure',
])

/** True when a policy line can be offered for a refusal of this kind. */
export function isForAllow(reason: DenyReason): boolean {
  return !notForAllow.has(reason)
}

/**
 * The policy line that would allow what the event asked for; undefined when none says it, and when nobody should be led to
 * take it: an address instead of a name, a host known for exfiltration, a name that carries data, a name that was asked
 * for and cannot be on the internet. Such lines are for people to write themselves.
 */
export function suggestAllow(event: FlowEvent): string | undefined {
  const raw = hostOf(event) ?? ''
  const host = parseAddress(raw) === undefined ? parseHostname(raw) : undefined
  if (host === undefined || isMadeUp(host) || knownExfiltration(host) !== undefined) return undefined
  if (event.layer === 'dns' && !host.includes('.')) return undefined
  return suggestLine(destinationOf(event, host))
}

function destinationOf(event: FlowEvent, host: Hostname): Destination {
  const port = event.port === undefined ? undefined : parsePort(event.port)
  if (event.layer === 'http' && port !== undefined && event.method !== undefined && isPlainPath(event.path)) {
    return { kind: 'request', scheme: schemeOf(event), host, port, method: event.method, path: event.path }
  }
  if (port === undefined || event.layer === 'dns') return { kind: 'name', host }
  const transport = event.layer === 'udp' || event.protocol === 'udp' ? 'udp' : 'tcp'
  return { kind: 'endpoint', transport, host, port }
}

/** HTTP inside TLS is `https` to a policy, the same in the clear is `http`; an upgrade is `wss` or `ws`. */
function schemeOf(event: FlowEvent): 'https' | 'http' | 'wss' | 'ws' {
  const tls = event.inspected === true
  if (event.protocol === 'websocket' || event.reason === 'upgrade') return tls ? 'wss' : 'ws'
  return tls ? 'https' : 'http'
}

/** A path that was cut or made printable stands for another one. */
function isPlainPath(path: string | undefined): path is string {
  return path !== undefined && /^\/[\x21-\x5b\x5d-\x7e]*$/.test(path)
}
