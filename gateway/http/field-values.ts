import type { Fields, HeadFault } from './fields.ts'

/** `Content-Length`: one, decimal, without leading zeros, at most 15 digits (exact in a double). Nearly every answer has one. */
export function readLength(bytes: Uint8Array, from: number, to: number, fields: Fields): HeadFault | undefined {
  const digits = to - from
  const isPadded = digits > 1 && bytes[from] === zero
  if (fields.contentLength >= 0 || digits < 1 || digits > 15 || isPadded) return 'content-length'
  let length = 0
  for (let at = from; at < to; at += 1) {
    const digit = (bytes[at] ?? 0) - zero
    if (digit < 0 || digit > 9) return 'content-length'
    length = length * 10 + digit
  }
  fields.contentLength = length
  return undefined
}

const zero = 0x30

/**
 * `Connection`. It may name fields that the next server drops: were one of them a framing field, that server and we
 * would disagree about where the message ends, so it is a fault (T8). Names of what we cut are cut with it.
 */
export function readConnection(text: string, start: number, end: number, fields: Fields): HeadFault | undefined {
  // The two spellings that nearly every client sends.
  if (text === 'keep-alive' || text === 'Keep-Alive') {
    fields.keepAlive = true
    return undefined
  }
  if (text === 'close') {
    fields.close = true
    return undefined
  }
  const tokens = text.split(',').map(part => part.trim().toLowerCase())
  if (tokens.some(part => framing.has(part))) return 'connection'
  if (tokens.includes('close')) fields.close = true
  if (tokens.includes('keep-alive')) fields.keepAlive = true
  if (tokens.includes('upgrade')) fields.connectionUpgrade = true
  if (!tokens.some(part => part === 'http2-settings' || part.startsWith('proxy-'))) return undefined
  const kept = tokens.filter(part => part !== 'http2-settings' && !part.startsWith('proxy-'))
  const instead = kept.length === 0 ? '' : `Connection: ${kept.join(', ')}\r\n`
  ;(fields.cuts ??= []).push({ start, end, instead })
  return undefined
}

const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host'])

/** `Upgrade`: h2c is cut, as a server may ignore any offer (RFC 9110 §7.8); for the rest the decision speaks. */
export function readUpgrade(text: string, start: number, end: number, fields: Fields): void {
  const wanted = text.trim().toLowerCase()
  const kind = wanted === 'websocket' ? 'websocket' : wanted === 'h2c' ? 'h2c' : 'other'
  fields.upgrade = fields.upgrade === 'none' || fields.upgrade === kind ? kind : 'other'
  if (!wanted.includes('h2c')) return
  const kept = text.split(',').filter(protocol => !/^\s*h2c\s*$/i.test(protocol))
  const instead = kept.length === 0 ? '' : `Upgrade: ${kept.join(',').trim()}\r\n`
  ;(fields.cuts ??= []).push({ start, end, instead })
}

/** `Expect`: passed on, end to end; we only remember that the client may be waiting for an answer. */
export function readExpect(text: string, fields: Fields): void {
  if (text.toLowerCase() === '100-continue') fields.expectContinue = true
}

/** NTLM and Negotiate authenticate the connection itself. */
export function readAuthentication(text: string, fields: Fields): void {
  if (/^(?:ntlm|negotiate)\b/i.test(text)) fields.boundAuthentication = true
}

/** DNS over HTTPS by its media types (RFC 8484, RFC 9230, and the JSON API of public resolvers). */
export function readMediaTypes(text: string, fields: Fields): void {
  if (text.length >= 16 && /application\/(?:oblivious-)?dns(?:-message|[-+]json)/i.test(text)) fields.dnsMedia = true
}

/** `X-HTTP-Method-Override` and its like: many frameworks act on the method in it. One that only reads is let be. */
export function readOverride(text: string, fields: Fields): void {
  for (const part of text.split(',')) {
    const method = part.trim().toUpperCase()
    if (method !== '' && !reading.has(method)) (fields.overrides ??= []).push(method)
  }
}

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
