import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import { parsePort } from '../net/port.ts'
import type { Destination, DenyReason } from '../policy/decision.ts'
import { suggestLine } from '../policy/explain.ts'
import { hostOf, type FlowEvent } from './event.ts'

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

/** The policy line that would allow what the event asked for; undefined when none says it. */
export function suggestAllow(event: FlowEvent): string | undefined {
  const destination = destinationOf(event)
  return destination === undefined ? undefined : suggestLine(destination)
}

function destinationOf(event: FlowEvent): Destination | undefined {
  const raw = hostOf(event) ?? ''
  const address = parseAddress(raw)
  const host = address ?? parseHostname(raw)
  if (host === undefined) return undefined
  const port = event.port === undefined ? undefined : parsePort(event.port)
  if (event.layer === 'http' && port !== undefined && event.method !== undefined && isPlainPath(event.path)) {
    return { kind: 'request', scheme: schemeOf(event), host, port, method: event.method, path: event.path }
  }
  const transport = event.layer === 'udp' || event.protocol === 'udp' ? 'udp' : 'tcp'
  if (address !== undefined) {
    const carries = event.layer !== 'packet' || event.protocol === 'udp' || event.protocol === 'tcp'
    return port === undefined || !carries ? undefined : { kind: 'address', transport, address, port }
  }
  const name = parseHostname(raw)
  if (name === undefined) return undefined
  if (port === undefined || event.layer === 'dns') return { kind: 'name', host: name }
  return { kind: 'endpoint', transport, host: name, port }
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
