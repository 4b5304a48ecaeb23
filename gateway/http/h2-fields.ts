import { sensitiveHeaders, type IncomingHttpHeaders } from 'node:http2'
import { withoutHttp3 } from './alt-svc.ts'
import { readMediaTypes, readOverride } from './field-values.ts'
import { Fields } from './fields.ts'
import type { RequestFacts } from './judge.ts'

/** Names and values in turn, as they came: order, duplicates and split cookies kept. */
export type RawFields = readonly string[]

/** A request head of HTTP/2, understood as far as the decision and the record need it. */
export interface H2Request extends RequestFacts {
  /** `:authority` and `Host` name different hosts, or the scheme is not the connection's (RFC 9113 §8.3.1). */
  readonly isAmbiguous: boolean
  /** The one of `:authority` and `Host` that was not judged, when they differ. */
  readonly otherAuthority: string | undefined
  /** A gRPC client understands a refusal only as `grpc-status`. */
  readonly isGrpc: boolean
}

/** Reads a request head that nghttp2 has found well-formed. `scheme` is what the connection is. */
export function readRequest(raw: RawFields, scheme: 'https' | 'http'): H2Request {
  let method = ''
  let target = ''
  let named: string | undefined
  let host: string | undefined
  let sentScheme: string | undefined
  let protocol: string | undefined
  let bodyLength: number | undefined
  let isGrpc = false
  let isAmbiguous = false
  const media = new Fields()
  for (let at = 0; at < raw.length; at += 2) {
    const value = raw[at + 1] ?? ''
    switch (raw[at] ?? '') {
      case ':method':
        method = value
        break
      case ':path':
        target = value
        break
      case ':authority':
        named = value
        break
      case ':scheme':
        sentScheme = value
        break
      case ':protocol':
        protocol = value
        break
      case 'host':
        if (host !== undefined && host !== value) isAmbiguous = true
        host = value
        break
      case 'content-length':
        bodyLength = Number(value)
        break
      case 'content-type':
        isGrpc ||= /^application\/grpc(?:[+;]|$)/i.test(value)
        readMediaTypes(value, media)
        break
      case 'accept':
        readMediaTypes(value, media)
        break
      case 'x-http-method-override':
      case 'x-method-override':
      case 'x-http-method':
        readOverride(value, media)
        break
      default:
    }
  }
  const isConflict = named !== undefined && host !== undefined && named.toLowerCase() !== host.toLowerCase()
  return {
    method,
    target,
    authority: named ?? host,
    upgrade: protocol === undefined ? 'none' : protocol === 'websocket' ? 'websocket' : 'other',
    dnsMedia: media.dnsMedia,
    overrides: media.overrides,
    bodyLength,
    isGrpc,
    isAmbiguous: isAmbiguous || isConflict || (sentScheme !== undefined && sentScheme.toLowerCase() !== scheme),
    otherAuthority: isConflict ? host : undefined,
  }
}

/** A head to be sent on: the same fields, and which of them the sender wants out of compression tables (RFC 7541 §7.1.3). */
export function withSensitivity(raw: RawFields, headers: IncomingHttpHeaders): RawFields {
  const sensitive: unknown = Reflect.get(headers, sensitiveHeaders)
  return Array.isArray(sensitive) && sensitive.length > 0
    ? Object.assign([...raw], { [sensitiveHeaders]: sensitive })
    : raw
}

/**
 * The request head to be sent on: without `proxy-` fields, which are for a proxy (RFC 9110 §11.7), and without
 * `http2-settings`, which only an upgrade from HTTP/1 has a use for.
 */
export function requestFields(raw: RawFields): RawFields {
  for (let at = 0; at < raw.length; at += 2) if (staysHere(raw[at] ?? '')) return withoutThose(raw)
  return raw
}

function staysHere(name: string): boolean {
  return name === 'http2-settings' || name.startsWith('proxy-')
}

/** The answer's head to be sent on: without offers of HTTP/3. */
export function responseFields(raw: RawFields): RawFields {
  const at = raw.findIndex((name, index) => index % 2 === 0 && name === 'alt-svc')
  if (at < 0) return raw
  const fields: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const kept = name === 'alt-svc' ? withoutHttp3(value) : value
    if (kept !== undefined) fields.push(name, kept)
  }
  return fields
}

/** Whether the answer says of itself that it is a DNS message. */
export function isDnsAnswer(raw: RawFields): boolean {
  const media = new Fields()
  for (let at = 0; at < raw.length; at += 2) if (raw[at] === 'content-type') readMediaTypes(raw[at + 1] ?? '', media)
  return media.dnsMedia
}

/** Fields as the object that Node wants for trailers and interim answers; duplicates become lists, order is kept. */
export function fieldObject(raw: RawFields): Record<string, string | string[]> {
  const fields = new Map<string, string | string[]>()
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value])
  }
  // Made at once, so that a field may be called `__proto__`.
  return Object.fromEntries(fields)
}

function withoutThose(raw: RawFields): RawFields {
  const fields: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    if (!staysHere(name)) fields.push(name, raw[at + 1] ?? '')
  }
  const sensitive: unknown = Reflect.get(raw, sensitiveHeaders)
  return sensitive === undefined ? fields : Object.assign(fields, { [sensitiveHeaders]: sensitive })
}
