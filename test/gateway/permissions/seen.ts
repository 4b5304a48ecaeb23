import { parseHostname } from '../../../gateway/net/hostname.ts'
import { normalisePath } from '../../../gateway/net/path.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import type { SeenFields, SeenRequest } from '../../../gateway/insight/insight.ts'

/** The fields of a head. */
export function fieldsOf(fields: Readonly<Record<string, string>>): SeenFields {
  return { get: name => fields[name], entries: () => Object.entries(fields) }
}

/** A request as the relay shows it. */
export function seen(
  text: string,
  fields: Readonly<Record<string, string>> = {},
  verdict: SeenRequest['verdict'] = 'allow',
): SeenRequest {
  const [method = '', url = ''] = text.split(' ')
  const [, rawHost = '', target = '/'] = /^https:\/\/([^/]+)(\/.*)?$/.exec(url) ?? []
  const host = parseHostname(rawHost)
  const port = parsePort(443)
  if (host === undefined || port === undefined) throw new Error(`not a request: ${text}`)
  const path = normalisePath(target)
  return {
    scheme: 'https',
    host,
    port,
    method,
    target,
    path,
    fields: fieldsOf(fields),
    flow: 'a-1',
    process: undefined,
    verdict,
  }
}
