/** Where DNS over HTTPS lives by convention: RFC 8484 templates, and the JSON API of public resolvers. */
const customary = /\/(?:dns-query|resolve)$/

/**
 * Whether a request asks for name resolution by its address alone (bypass D2); its media types are looked at with the
 * head. `path`: normal form. `target`: as sent, with the query. Pure.
 */
export function asksForDns(path: string, target: string): boolean {
  const queryAt = target.indexOf('?')
  if (queryAt < 0) return false
  const text = target.slice(queryAt + 1)
  // Most queries can be let go without being taken apart.
  if (!text.includes('dns=') && !text.includes('%') && !customary.test(path)) return false
  const query = new URLSearchParams(text)
  if (
    customary.test(path) &&
    (query.has('dns') || (query.has('name') && (query.has('type') || path.endsWith('/dns-query'))))
  )
    return true
  return query.getAll('dns').some(isDnsQuery)
}

/** A DNS query in base64url, as GET carries it (RFC 8484 §4.1): QR and opcode 0, one question, no answer. */
function isDnsQuery(encoded: string): boolean {
  if (encoded.length < 23 || !/^[A-Za-z0-9_-]+={0,2}$/.test(encoded)) return false
  const header = Buffer.from(encoded.slice(0, 16), 'base64url')
  return header.readUInt8(2) <= 7 && header.readUInt16BE(4) === 1 && header.readUInt16BE(6) === 0
}
