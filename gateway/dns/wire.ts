import { lowerCase, readUint16, renderWireName, skipName } from './name.ts'
import { rcode } from './rcode.ts'
import { recordType } from './record-type.ts'

/** Length of the fixed header (RFC 1035 §4.1.1). */
export const headerBytes = 12
/** No question a resolver asks comes near this, padding and cookies included. */
export const maxQueryBytes = 4096

const maxAdditionals = 4

/** What the client said about itself in its OPT record (RFC 6891). */
export interface Edns {
  /** The largest answer over UDP that the client takes, in bytes: 512 to 65535. */
  readonly udpBytes: number
  readonly dnssecOk: boolean
}

/** One question, read and checked; `message` is kept because the answer repeats its header and its question. */
export interface Query {
  readonly message: Buffer
  /** Offset of the first byte after the question. */
  readonly questionEnd: number
  /** Lower-case labels joined by dots, in the escapes of RFC 1035 §5.1 when not `plain`; `.` for the root. */
  readonly name: string
  /** True when every label is made of letters, digits, `-` and `_` only. False for the root. */
  readonly plain: boolean
  readonly type: number
  readonly edns: Edns | undefined
}

/** What a message turned out to be: a question, something to answer with an error, or something to leave unanswered. */
export type Reading =
  | { readonly kind: 'query'; readonly query: Query }
  /** `questionEnd` is 12 when the question could not be read: the answer then has none. */
  | { readonly kind: 'fault'; readonly rcode: number; readonly questionEnd: number; readonly edns: Edns | undefined }
  | { readonly kind: 'silence' }

const silence: Reading = { kind: 'silence' }
const nameScratch = Buffer.alloc(256)

/**
 * Reads a message of the job. Bounded by its length and strict: one question, uncompressed, class IN, opcode QUERY, at
 * most one OPT, nothing after the last record. An answer (QR), or less than a header, gets silence: replying to those
 * makes loops. Never throws, whatever the bytes.
 */
export function readQuery(message: Buffer): Reading {
  if (message.length < headerBytes || (readByte(message, 2) & 0x80) !== 0) return silence
  if ((readByte(message, 2) & 0x78) !== 0) return fault(rcode.notImp)
  if (message.length > maxQueryBytes) return fault(rcode.formErr)
  if (readUint16(message, 4) !== 1 || readUint16(message, 6) !== 0 || readUint16(message, 8) !== 0) {
    return fault(rcode.formErr)
  }

  const nameLength = readQuestionName(message)
  if (nameLength === undefined) return fault(rcode.formErr)
  const { plain, end } = nameLength
  const questionEnd = end + 4
  if (questionEnd > message.length) return fault(rcode.formErr)
  const extension = readEdns(message, questionEnd)
  if (extension === 'malformed') return fault(rcode.formErr)
  if (extension === 'bad-version') return fault(rcode.badVers, questionEnd, { udpBytes: 512, dnssecOk: false })
  if (readUint16(message, end + 2) !== 1) return fault(rcode.refused, questionEnd, extension)
  return {
    kind: 'query',
    query: {
      message,
      questionEnd,
      name: plain ? nameScratch.toString('latin1', 0, end - headerBytes - 2) : renderWireName(message, headerBytes),
      plain,
      type: readUint16(message, end),
      edns: extension,
    },
  }
}

function fault(code: number, questionEnd = headerBytes, edns?: Edns): Reading {
  return { kind: 'fault', rcode: code, questionEnd, edns }
}

function readByte(message: Uint8Array, offset: number): number {
  return message[offset] ?? 0
}

/** Checks the name of the question and leaves its text in the scratch buffer when it is plain. */
function readQuestionName(message: Buffer): { readonly plain: boolean; readonly end: number } | undefined {
  let at = headerBytes
  let written = 0
  let plain = true
  for (;;) {
    const length = message[at]
    // A pointer has nothing to point to yet, so anything over 63 is no length.
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) return { plain: plain && written > 0, end: at }
    // 253 characters of text are 255 bytes on the wire.
    if (at + length >= message.length || written + (written > 0 ? 1 : 0) + length > 253) return undefined
    if (written > 0) nameScratch[written++] = 0x2e
    for (const stop = at + length; at < stop; at++) {
      const byte = lowerCase(readByte(message, at))
      plain &&= isPlain(byte)
      nameScratch[written++] = byte
    }
  }
}

function isPlain(byte: number): boolean {
  return (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57) || byte === 45 || byte === 95
}

/** Walks the additional section for the OPT record; other records there (TSIG, SIG(0)) are skipped. */
function readEdns(message: Buffer, start: number): Edns | undefined | 'malformed' | 'bad-version' {
  const count = readUint16(message, 10)
  if (count > maxAdditionals) return 'malformed'
  let found: Edns | undefined
  let version = 0
  let at = start
  for (let index = 0; index < count; index++) {
    const fixed = skipName(message, at)
    if (fixed === undefined || fixed + 10 > message.length) return 'malformed'
    const end = fixed + 10 + readUint16(message, fixed + 8)
    if (end > message.length) return 'malformed'
    if (readUint16(message, fixed) === recordType.opt) {
      if (found !== undefined || message[at] !== 0 || !areOptionsWhole(message, fixed + 10, end)) return 'malformed'
      version = readByte(message, fixed + 5)
      found = {
        udpBytes: Math.max(512, readUint16(message, fixed + 2)),
        dnssecOk: (readByte(message, fixed + 6) & 0x80) !== 0,
      }
    }
    at = end
  }
  if (at !== message.length) return 'malformed'
  return version === 0 ? found : 'bad-version'
}

function areOptionsWhole(message: Buffer, start: number, end: number): boolean {
  let at = start
  while (at + 4 <= end) at += 4 + readUint16(message, at + 2)
  return at === end
}
