import { withoutHttp3 } from './alt-svc.ts'
import { cut, type Cut } from './cut.ts'
import {
  readAuthentication,
  readConnection,
  readExpect,
  readLength,
  readMediaTypes,
  readOverride,
  readUpgrade,
} from './field-values.ts'
import {
  carriageReturn,
  colon,
  equalsToken,
  hasTab,
  latin1,
  lineFeed,
  octetClass,
  space,
  tab,
  token,
  trimmedEnd,
  trimmedStart,
  value,
} from './octets.ts'

/** Why a head is refused. Closed set, named in the refusal's sentence. */
export type HeadFault =
  | 'start-line'
  | 'version'
  | 'line-break'
  | 'control-character'
  | 'field-name'
  | 'folded-line'
  | 'content-length'
  | 'transfer-encoding'
  | 'host'
  | 'connection'
  | 'line-too-long'
  | 'head-too-long'
  | 'too-many-fields'

/** How much of a head is read before it is given up. */
export interface HeadBounds {
  readonly maxHead: number
  readonly maxLine: number
  readonly maxFields: number
}

/** What the fields of one head say about framing and routing. Everything else passes unread. */
export class Fields {
  /** Offset just after the empty line; 0 while the head is incomplete. */
  end = 0
  fault: HeadFault | undefined
  /** Bytes; -1 when absent. */
  contentLength = -1
  chunked = false
  /** `Host` as sent, without surrounding white space. */
  host: string | undefined
  close = false
  keepAlive = false
  upgrade: 'none' | 'websocket' | 'h2c' | 'other' = 'none'
  /** `Connection` names `upgrade`; without it a server must not look at the offer (RFC 9110 §7.8). */
  connectionUpgrade = false
  expectContinue = false
  /** `Content-Type` or `Accept` names a DNS media type. */
  dnsMedia = false
  /** NTLM or Negotiate: the connection itself is being authenticated, so nobody else may use it. */
  boundAuthentication = false
  /** Methods that a framework is asked to act on instead of the one in the request line. */
  overrides: string[] | undefined
  /** In the order of the head. */
  cuts: Cut[] | undefined
}

/** Reads the fields of a head from `at` on into `fields`, up to the empty line. `at` is where the first line after the start line begins. */
export function readFields(bytes: Buffer, at: number, isRequest: boolean, bounds: HeadBounds, fields: Fields): void {
  let lineStart = at
  for (let count = 0; ; count += 1) {
    const first = bytes[lineStart]
    if (first === undefined) return
    if (first === carriageReturn) {
      const second = bytes[lineStart + 1]
      if (second === undefined) return
      if (second !== lineFeed) return fail(fields, 'line-break')
      fields.end = lineStart + 2
      return
    }
    if (count >= bounds.maxFields) return fail(fields, 'too-many-fields')
    lineStart = readLine(bytes, lineStart, isRequest, bounds, fields)
    if (lineStart < 0) return
  }
}

/** One field line; the offset of the next, or -1 when the line is incomplete or at fault. */
function readLine(bytes: Buffer, start: number, isRequest: boolean, bounds: HeadBounds, fields: Fields): number {
  const limit = Math.min(bytes.length, start + bounds.maxLine)
  let at = start
  while (at < limit && ((octetClass[bytes[at] ?? 0] ?? 0) & token) !== 0) at += 1
  if (at === limit) return incomplete(limit, start, bounds, fields)
  if (bytes[at] !== colon || at === start) return fault(fields, nameFault(bytes, start, at))
  const nameEnd = at

  at += 1
  while (at < limit && ((octetClass[bytes[at] ?? 0] ?? 0) & value) !== 0) at += 1
  if (at === limit || (at + 1 === limit && bytes[at] === carriageReturn))
    return incomplete(limit, start, bounds, fields)
  if (bytes[at] !== carriageReturn) return fault(fields, bytes[at] === lineFeed ? 'line-break' : 'control-character')
  if (bytes[at + 1] !== lineFeed) return fault(fields, 'line-break')

  const interpreted = isRequest
    ? readRequestField(bytes, start, nameEnd, at, fields)
    : readResponseField(bytes, start, nameEnd, at, fields)
  if (interpreted !== undefined) return fault(fields, interpreted)
  return at + 2
}

function nameFault(bytes: Buffer, start: number, at: number): HeadFault {
  const octet = bytes[at]
  if (octet === lineFeed || octet === carriageReturn) return at === start ? 'line-break' : 'field-name'
  return at === start && (octet === space || octet === tab) ? 'folded-line' : 'field-name'
}

function readRequestField(
  bytes: Buffer,
  start: number,
  nameEnd: number,
  end: number,
  fields: Fields,
): HeadFault | undefined {
  switch (nameEnd - start) {
    case 4:
      if (!equalsToken(bytes, start, 'host')) return undefined
      if (fields.host !== undefined) return 'host'
      fields.host = valueText(bytes, nameEnd, end)
      return undefined
    case 6:
      if (equalsToken(bytes, start, 'accept')) readMediaTypes(valueText(bytes, nameEnd, end), fields)
      else if (equalsToken(bytes, start, 'expect')) readExpect(valueText(bytes, nameEnd, end), fields)
      return undefined
    case 7:
      if (equalsToken(bytes, start, 'upgrade')) readUpgrade(valueText(bytes, nameEnd, end), start, end + 2, fields)
      return undefined
    case 12:
      if (equalsToken(bytes, start, 'content-type')) readMediaTypes(valueText(bytes, nameEnd, end), fields)
      return undefined
    case 13:
      if (equalsToken(bytes, start, 'authorization')) readAuthentication(valueText(bytes, nameEnd, end), fields)
      else if (equalsToken(bytes, start, 'x-http-method')) readOverride(valueText(bytes, nameEnd, end), fields)
      return undefined
    case 17:
      if (equalsToken(bytes, start, 'x-method-override')) readOverride(valueText(bytes, nameEnd, end), fields)
      break
    case 22:
      if (equalsToken(bytes, start, 'x-http-method-override')) readOverride(valueText(bytes, nameEnd, end), fields)
      break
    case 14:
      if (equalsToken(bytes, start, 'http2-settings')) cut(fields, start, end + 2)
      break
    default:
  }
  if (nameEnd - start > 6 && equalsToken(bytes, start, 'proxy-')) cut(fields, start, end + 2)
  return readFramingField(bytes, start, nameEnd, end, true, fields)
}

function readResponseField(
  bytes: Buffer,
  start: number,
  nameEnd: number,
  end: number,
  fields: Fields,
): HeadFault | undefined {
  switch (nameEnd - start) {
    case 7:
      if (equalsToken(bytes, start, 'alt-svc')) cutAlternatives(valueText(bytes, nameEnd, end), start, end, fields)
      return undefined
    case 12:
      if (equalsToken(bytes, start, 'content-type')) readMediaTypes(valueText(bytes, nameEnd, end), fields)
      return undefined
    case 16:
      if (equalsToken(bytes, start, 'www-authenticate')) readAuthentication(valueText(bytes, nameEnd, end), fields)
      return undefined
    default:
      return readFramingField(bytes, start, nameEnd, end, false, fields)
  }
}

/**
 * The fields that say where a message ends. In a request, any spelling but the one that all parsers read alike is a fault
 * (T10): a TAB around the value is space to some and a part of it to others. In an answer, on which no decision hangs, capitals in `chunked` are not: they mean the same (RFC 9112 §7).
 */
function readFramingField(
  bytes: Buffer,
  start: number,
  nameEnd: number,
  end: number,
  isRequest: boolean,
  fields: Fields,
): HeadFault | undefined {
  switch (nameEnd - start) {
    case 10:
      return equalsToken(bytes, start, 'connection')
        ? readConnection(valueText(bytes, nameEnd, end), start, end + 2, fields)
        : undefined
    case 14:
      if (!equalsToken(bytes, start, 'content-length')) return undefined
      if (isRequest && hasTab(bytes, nameEnd, end)) return 'content-length'
      return readLength(bytes, trimmedStart(bytes, nameEnd + 1, end), trimmedEnd(bytes, nameEnd + 1, end), fields)
    case 17:
      if (!equalsToken(bytes, start, 'transfer-encoding')) return undefined
      if (isRequest && hasTab(bytes, nameEnd, end)) return 'transfer-encoding'
      return readCoding(valueText(bytes, nameEnd, end), isRequest, fields)
    default:
      return undefined
  }
}

function readCoding(text: string, isRequest: boolean, fields: Fields): HeadFault | undefined {
  if (fields.chunked || (isRequest ? text : text.toLowerCase()) !== 'chunked') return 'transfer-encoding'
  fields.chunked = true
  return undefined
}

function cutAlternatives(text: string, start: number, end: number, fields: Fields): void {
  const kept = withoutHttp3(text)
  if (kept !== text) cut(fields, start, end + 2, kept === undefined ? '' : `Alt-Svc: ${kept}\r\n`)
}

/** The value of a field line without the white space around it, one character per octet. */
function valueText(bytes: Buffer, nameEnd: number, end: number): string {
  return latin1(bytes, trimmedStart(bytes, nameEnd + 1, end), trimmedEnd(bytes, nameEnd + 1, end))
}

function incomplete(limit: number, start: number, bounds: HeadBounds, fields: Fields): number {
  if (limit - start >= bounds.maxLine) fields.fault = 'line-too-long'
  return -1
}

function fault(fields: Fields, kind: HeadFault): -1 {
  fields.fault = kind
  return -1
}

function fail(fields: Fields, kind: HeadFault): void {
  fields.fault = kind
}
