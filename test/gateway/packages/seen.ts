import type { SeenFields, SeenRequest } from '../../../gateway/insight/insight.ts'
import { parseHostname } from '../../../gateway/net/hostname.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import type { ProcessInfo } from '../../../gateway/record/event.ts'

/** Fields of a head, lower-case names. */
export function fields(sent: Readonly<Record<string, string>> = {}): SeenFields {
  return { get: name => sent[name], entries: () => Object.entries(sent) }
}

export interface Sent {
  readonly url: string
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly process?: ProcessInfo
  readonly verdict?: SeenRequest['verdict']
}

/** A request as the gateway shows it. */
export function seen({ url, method = 'GET', fields: sent = {}, process, verdict = 'allow' }: Sent): SeenRequest {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const host = parseHostname(hostname)
  const scheme = protocol === 'http:' ? 'http' : 'https'
  const number = parsePort(port === '' ? (scheme === 'http' ? 80 : 443) : Number(port))
  if (host === undefined || number === undefined) throw new Error(url)
  return {
    scheme,
    host,
    port: number,
    method,
    target: `${pathname}${search}`,
    path: pathname,
    fields: fields(sent),
    flow: 'f-1',
    process,
    verdict,
  }
}
