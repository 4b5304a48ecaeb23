import { nameBytes, readName } from './names.ts'
import { typeName, typeNumber } from './record-data.ts'

/** Response codes the lab uses. */
export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const

/** The name of a response code. */
export type Rcode = keyof typeof rcodes

/** A query as read from the wire. */
export interface Query {
  readonly id: number
  readonly flags: number
  /** Spelled as the asker spelled it. */
  readonly name: string
  readonly type: string
  readonly questionBytes: Buffer
  /** Absent without EDNS. */
  readonly edns?: { readonly udpBytes: number; readonly dnssecOk: boolean; readonly options: Buffer }
}

/** A record to be sent. */
export interface AnswerRecord {
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly data: Uint8Array
}

/** What to answer. */
export interface Answer {
  readonly rcode: Rcode
  readonly answers: readonly AnswerRecord[]
  readonly authority: readonly AnswerRecord[]
}

/** Reads a query with one question; `undefined` when it is anything else. */
export function readQuery(message: Buffer): Query | undefined {
  if (message.length < 17 || message.readUInt16BE(4) !== 1 || (message.readUInt16BE(2) & 0x8000) !== 0) return undefined
  const name = readName(message, 12)
  if (name === undefined || name.end + 4 > message.length) return undefined
  const edns = readEdns(message, name.end + 4)
  return {
    id: message.readUInt16BE(0),
    flags: message.readUInt16BE(2),
    name: name.text,
    type: typeName(message.readUInt16BE(name.end)),
    questionBytes: message.subarray(12, name.end + 4),
    ...(edns === undefined ? {} : { edns }),
  }
}

/** Writes the response; over UDP one that does not fit is cut to its question with TC set. */
export function writeResponse(query: Query, answer: Answer, maxBytes: number): Buffer {
  const whole = assemble(query, answer, false)
  return whole.length <= maxBytes ? whole : assemble(query, { ...answer, answers: [], authority: [] }, true)
}

/** Cut on purpose, however short the answer is. */
export function writeTruncated(query: Query): Buffer {
  return assemble(query, { rcode: 'NOERROR', answers: [], authority: [] }, true)
}

/** How long a response over UDP may be for this asker: 512 to 4096 bytes. */
export function udpLimit(query: Query): number {
  return Math.min(Math.max(query.edns?.udpBytes ?? 512, 512), 4096)
}

function assemble(query: Query, answer: Answer, truncated: boolean): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(query.id, 0)
  // QR, opcode and RD as asked, RA.
  header.writeUInt16BE(0x8080 | (query.flags & 0x7900) | (truncated ? 0x0200 : 0) | rcodes[answer.rcode], 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answer.answers.length, 6)
  header.writeUInt16BE(answer.authority.length, 8)
  header.writeUInt16BE(query.edns === undefined ? 0 : 1, 10)
  const opt =
    query.edns === undefined ? [] : [Buffer.from([0, 0, 41, 0x10, 0, 0, 0, query.edns.dnssecOk ? 0x80 : 0, 0, 0, 0])]
  return Buffer.concat([
    header,
    query.questionBytes,
    ...answer.answers.map(record => recordBytes(query, record)),
    ...answer.authority.map(record => recordBytes(query, record)),
    ...opt,
  ])
}

function recordBytes(query: Query, record: AnswerRecord): Buffer {
  const owner =
    record.name.toLowerCase() === query.name.toLowerCase() ? Buffer.from([0xc0, 12]) : nameBytes(record.name)
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(typeNumber(record.type), 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(record.ttl, 4)
  fixed.writeUInt16BE(record.data.length, 8)
  return Buffer.concat([owner, fixed, record.data])
}

/** Only the usual shape is understood: OPT is the first record after the question. */
function readEdns(message: Buffer, at: number): Query['edns'] {
  if (
    message.readUInt16BE(10) === 0 ||
    message[at] !== 0 ||
    at + 11 > message.length ||
    message.readUInt16BE(at + 1) !== 41
  )
    return undefined
  const length = message.readUInt16BE(at + 9)
  return {
    udpBytes: message.readUInt16BE(at + 3),
    dnssecOk: ((message[at + 7] ?? 0) & 0x80) !== 0,
    options: Buffer.from(message.subarray(at + 11, at + 11 + length)),
  }
}
