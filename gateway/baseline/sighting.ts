import { parseAddress } from '../net/address.ts'
import { parseHostname } from '../net/hostname.ts'
import type { FlowEvent } from '../record/event.ts'
import { hostOf } from '../record/event.ts'
import { normaliseExecutable } from './executable.ts'
import type { Deed, Sighting } from './lock.ts'

const reading: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
  'TRACE',
])

/**
 * What a request does. A fetch of git is a `POST` that reads; what could be carried out in it could be carried out in the
 * query of a `GET` as well. A WebSocket carries anything in both directions.
 */
export function deedOf(method: string, path: string | undefined, isWebSocket: boolean): Deed {
  if (isWebSocket || method === 'CONNECT') return 'connect'
  if (reading.has(method) || (method === 'POST' && path?.endsWith('/git-upload-pack') === true)) return 'read'
  return 'write'
}

/** Reverse names of the addresses that stand for names here (198.18.0.0/15): others in each run, and answered here. */
const ownReverse = /\.1[89]\.198\.in-addr\.arpa$/
const reverse = /(?:^|\.)(in-addr|ip6)\.arpa$/

/**
 * The question for a name; undefined where it says nothing of the job. Reverse names are as many as there are addresses:
 * they are one name for each family.
 */
export function askingFor(name: string): Sighting | undefined {
  const host = ownReverse.test(name) ? undefined : parseHostname(name)
  if (host === undefined) return undefined
  const [, family] = reverse.exec(host) ?? []
  return {
    transport: 'udp',
    host: family === undefined ? host : `${family}.arpa`,
    port: undefined,
    does: 'ask',
    by: undefined,
  }
}

/** Errors of connections that ended before anything of them was carried. */
const neverCarried: ReadonlySet<string> = new Set([
  'CLIENT_ABORTED',
  'CLIENT_TIMEOUT',
  'CLIENT_TLS',
  'CLIENT_REFUSED_CA',
])

/**
 * What a line of a log says that the job did; undefined for lines that say nothing of the kind, and for what was refused:
 * a job does not need that.
 */
export function sightingOf(event: FlowEvent): Sighting | undefined {
  const { layer, verdict, port, process } = event
  const named = hostOf(event) ?? ''
  const host = parseAddress(named) ?? parseHostname(named)
  if (host === undefined || (verdict !== 'allow' && verdict !== 'observe')) return undefined
  if (layer === 'dns') return askingFor(host)
  if (port === undefined) return undefined
  const at = { host, port, by: process === undefined ? undefined : normaliseExecutable(process.exe) }
  switch (layer) {
    case 'http': {
      if (event.method === undefined) return undefined
      const isWebSocket = event.protocol === 'websocket' || event.reason === 'upgrade'
      return { transport: 'tcp', ...at, does: deedOf(event.method, event.path, isWebSocket) }
    }
    case 'tls':
    case 'tcp': {
      const hadBytes = (event.bytesSent ?? 0) > 0 || (event.bytesReceived ?? 0) > 0
      if (event.error !== undefined && neverCarried.has(event.error) && !hadBytes) return undefined
      return { transport: 'tcp', ...at, does: 'connect' }
    }
    case 'udp':
      return { transport: 'udp', ...at, does: 'connect' }
    default:
      return undefined
  }
}
