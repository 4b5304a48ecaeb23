import { Fields, type HeadBounds, readFields } from './fields.ts'
import type { BodyKind } from './framing.ts'
import { carriageReturn, latin1, lineFeed, octetClass, space, target, token, value } from './octets.ts'

/** A request head: read, not rewritten. `end` is 0 and `fault` absent while more bytes are needed. */
export class RequestHead extends Fields {
  method = ''
  /** As sent, one character per octet. */
  target = ''
  /** HTTP/1.0 or HTTP/1.1. */
  minor: 0 | 1 = 1

  /** How the body ends (RFC 9112 §6.3). */
  get bodyKind(): 'none' | 'length' | 'chunked' {
    if (this.chunked) return 'chunked'
    return this.contentLength > 0 ? 'length' : 'none'
  }
}

/** A response head: read, not rewritten. `end` is 0 and `fault` absent while more bytes are needed. */
export class ResponseHead extends Fields {
  /** 100 to 999. */
  status = 0
  minor: 0 | 1 = 1

  /** How the body ends (RFC 9112 §6.3). `isHead`: it answers a HEAD. */
  bodyKind(isHead: boolean): BodyKind {
    if (isHead || this.status === 204 || this.status === 304) return 'none'
    if (this.chunked) return 'chunked'
    return this.contentLength >= 0 ? 'length' : 'until-close'
  }
}

const maxMethod = 64

/**
 * Reads a request head at the start of `bytes`. Whatever two parsers could read differently is a fault, never a guess:
 * bare CR or LF, folded lines, white space before a colon, control characters, two `Host` or `Content-Length`,
 * `Transfer-Encoding` that is not exactly `chunked` or stands beside `Content-Length` or in HTTP/1.0, no `Host` in
 * HTTP/1.1 (RFC 9112 §2.2, §5.1, §5.2, §6.1, §6.3; bypass T10).
 */
export function readRequestHead(bytes: Buffer, bounds: HeadBounds): RequestHead {
  const head = new RequestHead()
  const fieldsStart = readRequestLine(bytes, bounds, head)
  if (fieldsStart > 0) readFields(bytes, fieldsStart, true, bounds, head)
  if (head.fault === undefined && (head.end > bounds.maxHead || (head.end === 0 && bytes.length >= bounds.maxHead)))
    head.fault = 'head-too-long'
  if (head.fault !== undefined || head.end === 0) return head

  if (head.chunked && (head.contentLength >= 0 || head.minor === 0)) head.fault = 'transfer-encoding'
  else if (head.host === undefined && head.minor === 1) head.fault = 'host'
  if (head.upgrade === 'websocket' && !isHandshake(head)) head.upgrade = 'other'
  return head
}

/**
 * A WebSocket begins with GET, without a body, in HTTP/1.1, and asks for the upgrade (RFC 6455 §4.1). Anything else that
 * carries its `Upgrade` field is an ordinary request to the origin, which a `wss://` rule is not there to admit (T9).
 */
function isHandshake(head: RequestHead): boolean {
  return head.method === 'GET' && head.minor === 1 && head.bodyKind === 'none' && head.connectionUpgrade
}

/** Reads a response head at the start of `bytes`, as strictly; a reason phrase may be absent with its space. */
export function readResponseHead(bytes: Buffer, bounds: HeadBounds): ResponseHead {
  const head = new ResponseHead()
  const fieldsStart = readStatusLine(bytes, bounds, head)
  if (fieldsStart > 0) readFields(bytes, fieldsStart, false, bounds, head)
  if (head.fault === undefined && (head.end > bounds.maxHead || (head.end === 0 && bytes.length >= bounds.maxHead)))
    head.fault = 'head-too-long'
  if (head.fault === undefined && head.end > 0 && head.chunked && (head.contentLength >= 0 || head.minor === 0))
    head.fault = 'transfer-encoding'
  return head
}

/** The offset of the first field line, or 0 when the line is incomplete or at fault. */
function readRequestLine(bytes: Buffer, bounds: HeadBounds, head: RequestHead): number {
  const limit = Math.min(bytes.length, bounds.maxLine)
  let at = 0
  while (at < limit && at <= maxMethod && ((octetClass[bytes[at] ?? 0] ?? 0) & token) !== 0) at += 1
  if (at === bytes.length) return 0
  if (at === 0 || bytes[at] !== space) return startLineFault(bytes[at], head)
  const methodEnd = at

  at += 1
  while (at < limit && ((octetClass[bytes[at] ?? 0] ?? 0) & target) !== 0) at += 1
  if (at === limit) return lineIncomplete(limit, bounds, head)
  if (at === methodEnd + 1 || bytes[at] !== space) return startLineFault(bytes[at], head)
  const targetEnd = at

  const lineEnd = readVersion(bytes, targetEnd + 1, head)
  if (lineEnd <= 0) return 0
  const next = readLineEnd(bytes, lineEnd, head)
  if (next === 0) return 0
  head.method = latin1(bytes, 0, methodEnd)
  head.target = latin1(bytes, methodEnd + 1, targetEnd)
  return next
}

function readStatusLine(bytes: Buffer, bounds: HeadBounds, head: ResponseHead): number {
  const versionEnd = readVersion(bytes, 0, head)
  if (versionEnd <= 0) return 0
  if (bytes.length < versionEnd + 5) return 0
  if (bytes[versionEnd] !== space) return startLineFault(bytes[versionEnd], head)
  let status = 0
  for (let at = versionEnd + 1; at < versionEnd + 4; at += 1) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return startLineFault(bytes[at], head)
    status = status * 10 + digit
  }
  let at = versionEnd + 4
  if (status < 100 || (bytes[at] !== space && bytes[at] !== carriageReturn)) return startLineFault(bytes[at], head)
  const limit = Math.min(bytes.length, bounds.maxLine)
  while (at < limit && ((octetClass[bytes[at] ?? 0] ?? 0) & value) !== 0) at += 1
  if (at === limit) return lineIncomplete(limit, bounds, head)
  head.status = status
  return readLineEnd(bytes, at, head)
}

/** Reads `HTTP/1.0` or `HTTP/1.1`; the offset after it, or 0 when incomplete, -1 at fault. */
function readVersion(bytes: Buffer, start: number, head: RequestHead | ResponseHead): number {
  for (let at = 0; at < 7; at += 1) {
    const octet = bytes[start + at]
    if (octet === undefined) return 0
    if (octet !== 'HTTP/1.'.charCodeAt(at)) {
      head.fault = octet === lineFeed || octet === carriageReturn ? 'start-line' : 'version'
      return -1
    }
  }
  const minor = bytes[start + 7]
  if (minor === undefined) return 0
  if (minor !== 0x30 && minor !== 0x31) {
    head.fault = 'version'
    return -1
  }
  head.minor = minor === 0x31 ? 1 : 0
  return start + 8
}

/** Reads CR LF; the offset after it, or 0 when incomplete or at fault. */
function readLineEnd(bytes: Buffer, at: number, head: RequestHead | ResponseHead): number {
  const first = bytes[at]
  if (first === undefined) return 0
  if (first !== carriageReturn) return startLineFault(first, head)
  const second = bytes[at + 1]
  if (second === undefined) return 0
  if (second === lineFeed) return at + 2
  head.fault = 'line-break'
  return 0
}

function startLineFault(octet: number | undefined, head: RequestHead | ResponseHead): 0 {
  head.fault = octet === lineFeed || octet === carriageReturn ? 'line-break' : 'start-line'
  return 0
}

function lineIncomplete(limit: number, bounds: HeadBounds, head: RequestHead | ResponseHead): 0 {
  if (limit >= bounds.maxLine) head.fault = 'line-too-long'
  return 0
}
