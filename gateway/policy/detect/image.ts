import type { Finding, Place } from './finding.ts'
import { hostRemark, originText, parseEndpoint } from './location.ts'

/** Which shipped preset, if any, opens the registry of this host; an image that names no host is Docker Hub's. */
export type PresetOf = (host: string) => string | undefined

/** The rules for pulling one container image: the ping and that repository, read-only (OCI distribution specification). */
export function imageFindings(tool: string, raw: string, place: Place, presetOf: PresetOf): Finding[] {
  const reference = raw
    .trim()
    .replace(/^docker:\/\//, '')
    .replace(/@.*$/, '')
  if (reference === '' || reference === 'scratch') return []
  const [first = '', ...rest] = reference.split('/')
  const namesHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  if (/[$<{]/.test(namesHost ? first : reference)) {
    return [
      {
        kind: 'note',
        tool,
        place,
        text: 'a variable names the image here: add its registry by hand, or learn it from an audit run',
      },
    ]
  }
  if (!namesHost) return [{ kind: 'preset', tool, preset: 'docker-hub', place }]
  const endpoint = parseEndpoint(first, 443)
  if (endpoint === undefined)
    return [{ kind: 'warning', place, text: `${tool}: an image here names no valid registry` }]
  // Docker writes its hub by the bare domain, and pulls from `registry-1` below it.
  const preset = presetOf(endpoint.host) ?? presetOf(`registry-1.${endpoint.host}`)
  if (preset !== undefined) return [{ kind: 'preset', tool, preset, place }]
  const remark = hostRemark(tool, endpoint.host, place)
  if (remark?.isUnreachable === true) return [remark.finding]
  const origin = originText({ scheme: 'https', ...endpoint })
  const repository = rest.map(segment => (/[$<{]/.test(segment) ? '*' : segment.replace(/:.*$/, ''))).join('/')
  if (!/^(?:\/(?:\*|[a-z0-9]+(?:[._-]+[a-z0-9]+)*))+$/.test(`/${repository}`))
    return [{ kind: 'warning', place, text: `${tool}: an image here has no valid name` }]
  return [
    { kind: 'rule', tool, rule: `GET,HEAD ${origin}/v2/`, place },
    { kind: 'rule', tool, rule: `GET,HEAD ${origin}/v2/${repository}/**`, place },
    {
      kind: 'note',
      tool,
      place,
      text: `${endpoint.host} may send clients to a token service or a blob store of another name or path: one audit run shows which`,
    },
    ...(remark === undefined ? [] : [remark.finding]),
  ]
}
