import type { Address } from '../net/address.ts'
import type { ExtendedError } from './extended-error.ts'
import { recordType } from './record-type.ts'
import { headerBytes, type Edns, type Query } from './wire.ts'

/** What we say we take over UDP: fits every path without fragments (DNS flag day 2020). */
export const ownUdpBytes = 1232

/** Ready-made records, to stand right after the question: their pointers lead into it or into themselves. */
export interface Records {
  readonly count: number
  readonly bytes: Uint8Array
  /** Where each TTL stands in `bytes`; a reply writes its own there. */
  readonly ttlOffsets: readonly number[]
}

/** The answer section of a reply. */
export type Answer =
  | { readonly kind: 'none' }
  /** No such name or no such record: the gateway's own SOA, which carries the negative TTL (RFC 2308). */
  | { readonly kind: 'negative' }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'records'; readonly records: Records }

/** One reply to be rendered. */
export interface Reply {
  readonly rcode: number
  readonly answer: Answer
  /** Seconds, 0 to 2^31 - 1. */
  readonly ttl: number
  readonly error?: ExtendedError | undefined
}

const soaTemplate = renderSoa('gateway.tidegate.invalid', 'policy.tidegate.invalid')
const optBytes = 11
const maxErrorTextBytes = 200

/**
 * Renders a reply to `query` in at most `maxBytes`: the question as it was asked (so 0x20 case survives), the answer,
 * and an OPT record if the query had one. What does not fit is left out whole, in this order: the explanation, then the
 * answer, with TC set (RFC 2181 §9).
 */
export function renderReply(query: Query, reply: Reply, maxBytes: number): Buffer {
  const { message, questionEnd, edns } = query
  const text = reply.error === undefined || edns === undefined ? '' : printable(reply.error.text)
  const wanted = answerBytes(reply.answer)
  const room = maxBytes - questionEnd - (edns === undefined ? 0 : optBytes)
  const truncated = wanted > room
  const answered = truncated ? 0 : wanted
  const explained = reply.error !== undefined && edns !== undefined && answered + text.length + 6 <= room
  const optEnd = edns === undefined ? 0 : optBytes + (explained ? text.length + 6 : 0)

  const bytes = Buffer.allocUnsafe(questionEnd + answered + optEnd)
  message.copy(bytes, 0, 0, questionEnd)
  writeHeader(bytes, message, reply.rcode, truncated)
  let at = questionEnd
  if (!truncated) at = writeAnswer(bytes, at, reply)
  if (edns !== undefined) writeOpt(bytes, at, edns, reply.rcode, explained ? reply.error : undefined, text)
  return bytes
}

/** Renders the answer to a message that has no question we could read, or one we do not take. */
export function renderFault(message: Buffer, code: number, questionEnd: number, edns: Edns | undefined): Buffer {
  const bytes = Buffer.allocUnsafe(questionEnd + (edns === undefined ? 0 : optBytes))
  message.copy(bytes, 0, 0, questionEnd)
  writeHeader(bytes, message, code, false)
  if (questionEnd === headerBytes) bytes[5] = 0
  if (edns !== undefined) writeOpt(bytes, questionEnd, edns, code, undefined, '')
  return bytes
}

/** One byte a character, so that lengths are known before writing, and nothing a terminal would obey. */
function printable(text: string): string {
  return text.slice(0, maxErrorTextBytes).replaceAll(/[^ -~]/g, '?')
}

/** QR, the client's opcode and RD, RA; its id and question count stand already. AD and AA are never claimed. */
function writeHeader(bytes: Buffer, query: Buffer, code: number, truncated: boolean): void {
  bytes[2] = 0x80 | ((query[2] ?? 0) & 0x79) | (truncated ? 0x02 : 0)
  bytes[3] = 0x80 | ((query[3] ?? 0) & 0x10) | (code & 0x0f)
  for (let index = 6; index < headerBytes; index++) bytes[index] = 0
}

function answerBytes(answer: Answer): number {
  switch (answer.kind) {
    case 'none':
      return 0
    case 'negative':
      return soaTemplate.length
    case 'address':
      return 16
    case 'records':
      return answer.records.bytes.length
    default:
      return answer satisfies never
  }
}

function writeAnswer(bytes: Buffer, start: number, { answer, ttl }: Reply): number {
  switch (answer.kind) {
    case 'none':
      return start
    case 'negative':
      bytes.set(soaTemplate, start)
      bytes.writeUInt32BE(ttl, start + 6)
      bytes.writeUInt32BE(ttl, start + soaTemplate.length - 4)
      bytes[9] = 1
      return start + soaTemplate.length
    case 'address':
      writeRecordHead(bytes, start, recordType.a, ttl, 4)
      writeAddress(bytes, start + 12, answer.address)
      bytes[7] = 1
      return start + 16
    case 'records':
      bytes.set(answer.records.bytes, start)
      for (const offset of answer.records.ttlOffsets) bytes.writeUInt32BE(ttl, start + offset)
      bytes.writeUInt16BE(answer.records.count, 6)
      return start + answer.records.bytes.length
    default:
      return answer satisfies never
  }
}

/** Owner (a pointer to the question), type, class IN, TTL and length of data. */
function writeRecordHead(bytes: Buffer, start: number, type: number, ttl: number, length: number): void {
  bytes.writeUInt16BE(0xc000 | headerBytes, start)
  bytes.writeUInt16BE(type, start + 2)
  bytes.writeUInt16BE(1, start + 4)
  bytes.writeUInt32BE(ttl, start + 6)
  bytes.writeUInt16BE(length, start + 10)
}

function writeAddress(bytes: Buffer, start: number, address: Address): void {
  let at = start
  let byte = 0
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index)
    if (code === 0x2e) {
      bytes[at++] = byte
      byte = 0
    } else byte = byte * 10 + code - 48
  }
  bytes[at] = byte
}

function writeOpt(
  bytes: Buffer,
  start: number,
  edns: Edns,
  code: number,
  error: ExtendedError | undefined,
  text: string,
): void {
  bytes[start] = 0
  bytes.writeUInt16BE(recordType.opt, start + 1)
  bytes.writeUInt16BE(ownUdpBytes, start + 3)
  bytes[start + 5] = code >> 4
  bytes[start + 6] = 0
  // DO is repeated (RFC 3225 §3), though nothing here is signed.
  bytes.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, start + 7)
  bytes.writeUInt16BE(error === undefined ? 0 : text.length + 6, start + 9)
  bytes[11] = 1
  if (error === undefined) return
  bytes.writeUInt16BE(15, start + 11)
  bytes.writeUInt16BE(text.length + 2, start + 13)
  bytes.writeUInt16BE(error.code, start + 15)
  bytes.write(text, start + 17, 'latin1')
}

/** The record that says how long "no" holds: owner = the question, so that it covers this name and nothing else. */
function renderSoa(primary: string, mailbox: string): Buffer {
  const names = [primary, mailbox].map(name =>
    Buffer.concat([
      ...name.split('.').map(label => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
      Buffer.alloc(1),
    ]),
  )
  // Serial 1, refresh, retry, expire; minimum is written per answer.
  const timers = Buffer.alloc(20)
  for (const [index, value] of [1, 3600, 600, 86_400, 0].entries()) timers.writeUInt32BE(value, index * 4)
  const data = Buffer.concat([...names, timers])
  const head = Buffer.alloc(12)
  writeRecordHead(head, 0, recordType.soa, 0, data.length)
  return Buffer.concat([head, data])
}

/** The largest reply the client can take: 65535 bytes over TCP; over UDP what it said, never more than fits one packet. */
export function replyLimit(transport: 'udp' | 'tcp', edns: Edns | undefined): number {
  if (transport === 'tcp') return 65_535
  return edns === undefined ? 512 : Math.min(edns.udpBytes, ownUdpBytes)
}
