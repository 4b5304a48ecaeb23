import { parseHostname } from '../net/hostname.ts'
import { loosePath } from '../net/path.ts'

/** Where DNS over HTTPS lives by convention (RFC 8484 templates), with or without the id of a client behind it. Nothing else does. */
const customary = /\/dns-query(?:\/[^/]*)?$/i
/** Where the JSON API of some public resolvers lives; other services, too, so its parameters decide. */
const jsonApi = /\/resolve$/i
const jsonParameters: ReadonlySet<string> = new Set([
  'name',
  'type',
  'cd',
  'do',
  'ct',
  'edns_client_subnet',
  'random_padding',
])

/**
 * Whether a request asks for name resolution by its address alone (bypass D2); its media types are looked at with the
 * head. `path`: normal form. `target`: as sent, with the query. Pure.
 */
export function asksForDns(path: string, target: string): boolean {
  // Whatever its body claims to be: by the time an answer shows what it was, the question is out.
  if (customary.test(path) || customary.test(loosePath(path))) return true
  const queryAt = target.indexOf('?')
  if (queryAt < 0) return false
  const text = target.slice(queryAt + 1)
  // Most queries can be let go without being taken apart.
  if (!text.includes('dns=') && !text.includes('%') && !jsonApi.test(path)) return false
  const query = new URLSearchParams(text)
  return (jsonApi.test(path) && asksInJson(query)) || query.getAll('dns').some(isDnsQuery)
}

/** `?name=host.example`, alone or with what else this API knows. */
function asksInJson(query: URLSearchParams): boolean {
  const host = parseHostname(query.get('name') ?? '')
  if (host === undefined) return query.has('dns')
  return query.has('type') || (host.includes('.') && [...query.keys()].every(key => jsonParameters.has(key)))
}

/** A DNS query in base64url, as GET carries it (RFC 8484 §4.1): QR and opcode 0, one question, no answer. */
function isDnsQuery(encoded: string): boolean {
  if (encoded.length < 23 || !/^[A-Za-z0-9_-]+={0,2}$/.test(encoded)) return false
  const header = Buffer.from(encoded.slice(0, 16), 'base64url')
  return header.readUInt8(2) <= 7 && header.readUInt16BE(4) === 1 && header.readUInt16BE(6) === 0
}
