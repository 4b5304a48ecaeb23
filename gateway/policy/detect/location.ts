import { classifyAddress } from '../../net/address-class.ts'
import { type Address, familyOf, parseAddress } from '../../net/address.ts'
import { parseHostname } from '../../net/hostname.ts'
import { normalisePath } from '../../net/path.ts'
import { parsePort } from '../../net/port.ts'
import { unreachable } from '../../errors.ts'
import type { Finding, Place } from './finding.ts'

/** A place on the web, credentials, query and fragment left behind. Segments that a variable fills are `*`. */
export interface Location {
  readonly scheme: 'https' | 'http'
  /** Canonical name or address. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** A path pattern that starts with `/`. */
  readonly path: string
}

/** What is opened below a location: it and all beneath, that one file, the whole host, or the folder it lies in. */
export type Scope = 'tree' | 'file' | 'host' | 'folder'

/** Matches what tools fill in later: `$X`, `${X}`, `$(X)`, `${{ x }}`, `{{ x }}`, `$[x]`, `%NAME%`, `<name>`. */
const variable = /\$\{\{.*?\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$\[[^\]]*\]|\$\w+|\{\{.*?\}\}|%[A-Za-z_]{3,}\w*%|<[^>]*>/g

/**
 * The location a URL names, or why there is none: `elsewhere` when it is no web URL (a file, another scheme), `variable`
 * when its host is filled in later, `malformed` when no host or path can be made of it.
 */
export function parseLocation(raw: string): Location | 'elsewhere' | 'variable' | 'malformed' {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)/.exec(raw.trim())
  const scheme = parts?.[1]?.toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') return 'elsewhere'
  // A password may hold an at sign: the host begins after the last.
  const authority = (parts?.[2] ?? '').replace(/^.*@/, '')
  if (authority.search(variable) !== -1) return 'variable'
  const endpoint = parseEndpoint(authority, scheme === 'https' ? 443 : 80)
  const path = pathPattern(parts?.[3] ?? '')
  return endpoint === undefined || path === undefined ? 'malformed' : { scheme, ...endpoint, path }
}

/** `host[:port]` or `[address][:port]` in canonical form. */
export function parseEndpoint(
  text: string,
  defaultPort: number,
): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/.exec(text) ?? []
  const host =
    bracketed === undefined ? (parseHostname(plain ?? '') ?? parseAddress(plain ?? '')) : parseAddress(bracketed)
  const port = parsePort(digits === undefined ? defaultPort : Number(digits))
  return host === undefined || port === undefined ? undefined : { host, port }
}

/** `scheme://host[:port]`, the port only where it is not the scheme's own; after an address always. */
export function originText({ scheme, host, port }: Pick<Location, 'scheme' | 'host' | 'port'>): string {
  const isUsual = port === (scheme === 'https' ? 443 : 80) && parseAddress(host) === undefined
  return `${scheme}://${hostText(host)}${isUsual ? '' : `:${port}`}`
}

/** A host as it stands in a rule: IPv6 in brackets. */
export function hostText(host: string): string {
  const address = parseAddress(host)
  return address !== undefined && familyOf(address) === 6 ? `[${host}]` : host
}

function pathPattern(raw: string): string | undefined {
  const filled = raw
    .split('/')
    .map(segment => (segment.search(variable) === -1 ? segment.replaceAll('*', '%2A').replaceAll(' ', '%20') : '*'))
    .join('/')
  return normalisePath(filled === '' ? '/' : filled)
}

/** The read-only rules for one URL that a tool fetches from, and what must be said about it. */
export function webFindings(tool: string, raw: string, place: Place, scope: Scope, isDefault = false): Finding[] {
  const location = parseLocation(raw)
  if (location === 'elsewhere') return []
  if (location === 'variable') {
    return [
      {
        kind: 'note',
        tool,
        place,
        text: 'a variable names the host here: add its rule by hand, or learn it from an audit run',
      },
    ]
  }
  if (location === 'malformed') return [{ kind: 'warning', place, text: `${tool}: a URL here names no valid host` }]
  const remark = hostRemark(tool, location.host, place)
  if (remark?.isUnreachable === true) return [remark.finding]
  const rule = `GET,HEAD ${originText(location)}${scopedPath(location.path, scope)}`
  return [{ kind: 'rule', tool, rule, place, isDefault }, ...(remark === undefined ? [] : [remark.finding])]
}

function scopedPath(path: string, scope: Scope): string {
  switch (scope) {
    case 'host':
      return '/**'
    case 'file':
      return path
    case 'folder':
      return `${path.slice(0, path.lastIndexOf('/') + 1)}**`
    case 'tree':
      return `${path.replace(/\/+$/, '')}/**`
    default:
      return unreachable(scope)
  }
}

/** What to say about a host that lies in a private network or on the machine itself. */
export function hostRemark(
  tool: string,
  host: string,
  place: Place,
): { readonly finding: Finding; readonly isUnreachable: boolean } | undefined {
  const address = parseAddress(host)
  if (host === 'localhost' || host.endsWith('.localhost') || (address !== undefined && isOwn(address))) {
    return {
      finding: {
        kind: 'note',
        tool,
        place,
        text: `${host} is the build's own machine: no rule is needed, and none would reach the gateway's`,
      },
      isUnreachable: true,
    }
  }
  const isPrivate =
    address === undefined
      ? !host.includes('.') || /\.(?:internal|local|lan|intranet|corp|home\.arpa|localdomain)$/.test(host)
      : ['private', 'cgnat', 'link-local'].includes(classifyAddress(address))
  if (!isPrivate) return undefined
  const text =
    address === undefined
      ? `${host} looks like a name of a private network: if so, add the range it resolves to under 'private:'`
      : `${host} is a private address: add it under 'private:' too`
  return { finding: { kind: 'note', tool, place, text }, isUnreachable: false }
}

function isOwn(address: Address): boolean {
  return ['loopback', 'unspecified'].includes(classifyAddress(address))
}
