import { addressFromBytes, type Address } from '../net/address.ts'
import { readName, readUint16, skipName } from './name.ts'
import { rcode } from './rcode.ts'
import { recordType } from './record-type.ts'
import type { Records } from './reply.ts'
import type { UpstreamQuestion } from './upstream-question.ts'
import { headerBytes } from './wire.ts'

/** What a resolver said, as far as we take it. */
export interface UpstreamAnswer {
  readonly rcode: number
  /** For A and AAAA: the addresses at the end of the name's own chain of aliases. */
  readonly addresses: readonly Address[]
  /** For every other type: the answer section, checked, in a buffer of its own size; undefined when it is empty. */
  readonly records: Records | undefined
  /** Seconds: the least of the records used; for a negative answer what its SOA says, 0 without one. */
  readonly ttl: number
}

const maxRecords = 512
const maxAddresses = 64
const maxAliases = 16
const maxRecordsBytes = 16_384

interface Cursor {
  readonly message: Buffer
  /** The asked name, as `readName()` gives it. */
  readonly asked: string
  at: number
}

interface ResourceRecord {
  readonly owner: string
  readonly start: number
  readonly type: number
  readonly ttl: number
  readonly data: number
  readonly end: number
}

/**
 * Reads an answer that `answersQuestion()` accepted. Bounded in records, aliases and bytes; takes only what was asked for,
 * at the asked name or along its aliases (D9, and no poison in the sections behind). Undefined when it is malformed.
 */
export function readResponse(message: Buffer, question: UpstreamQuestion): UpstreamAnswer | undefined {
  const code = readRcode(message)
  const answers = readUint16(message, 6)
  const authorities = readUint16(message, 8)
  if (answers + authorities > maxRecords) return undefined
  // The question is ours: a canonical name, whose bytes are its key. Its end, type and class follow.
  const asked = question.message.toString('latin1', headerBytes, question.questionEnd - 5)
  const cursor: Cursor = { message, asked, at: question.questionEnd }
  const records = readRecords(cursor, answers)
  if (records === undefined) return undefined
  const sectionEnd = cursor.at
  const negativeTtl = readNegativeTtl(cursor, authorities)
  if (negativeTtl === undefined) return undefined

  const chain = followAliases(message, records, asked, question.type)
  if (chain === undefined) return undefined
  const name = chain.at(-1)
  const wanted = records.filter(record => record.type === question.type && record.owner === name)
  if (code !== rcode.noError || wanted.length === 0) {
    return { rcode: code, addresses: [], records: undefined, ttl: negativeTtl }
  }
  const used = wanted.concat(records.filter(record => isAliasOf(record, chain)))
  const ttl = used.reduce((least, record) => Math.min(least, record.ttl), 0x7fffffff)
  if (question.type === recordType.a || question.type === recordType.aaaa) {
    return { rcode: code, addresses: readAddresses(message, wanted), records: undefined, ttl }
  }
  const section = copySection(message, question.questionEnd, sectionEnd, records, question.type)
  return section === undefined ? undefined : { rcode: code, addresses: [], records: section, ttl }
}

/** Whether the answer was cut to fit UDP and must be asked for again over TCP. */
export function isTruncated(message: Buffer): boolean {
  return ((message[2] ?? 0) & 0x02) !== 0
}

/** The response code in the header; ours is the EDNS version every server knows, so BADVERS cannot come. */
export function readRcode(message: Buffer): number {
  return (message[3] ?? 0) & 0x0f
}

function readRecords(cursor: Cursor, count: number): readonly ResourceRecord[] | undefined {
  const records: ResourceRecord[] = []
  for (let index = 0; index < count; index++) {
    const record = readRecord(cursor)
    if (record === undefined) return undefined
    records.push(record)
  }
  return records
}

function readRecord(cursor: Cursor): ResourceRecord | undefined {
  const { message, at: start } = cursor
  // Nearly every record belongs to the asked name and says so by a pointer to the question, which is known to be the same.
  const isAsked = message[start] === 0xc0 && message[start + 1] === headerBytes
  const name = isAsked ? { key: cursor.asked, end: start + 2 } : readName(message, start)
  if (name === undefined || name.end + 10 > message.length) return undefined
  const data = name.end + 10
  const end = data + readUint16(message, name.end + 8)
  if (end > message.length) return undefined
  cursor.at = end
  const ttl = message.readUInt32BE(name.end + 4)
  // A TTL with its highest bit set counts as 0 (RFC 2181 §8).
  return { owner: name.key, start, type: readUint16(message, name.end), ttl: ttl > 0x7fffffff ? 0 : ttl, data, end }
}

/** The lesser of the SOA's own TTL and its minimum field (RFC 2308 §5); 0 when there is no SOA. */
function readNegativeTtl(cursor: Cursor, count: number): number | undefined {
  for (let index = 0; index < count; index++) {
    const record = readRecord(cursor)
    if (record === undefined) return undefined
    if (record.type === recordType.soa && record.end - record.data >= 22) {
      return Math.min(record.ttl, cursor.message.readUInt32BE(record.end - 4))
    }
  }
  return 0
}

/** The asked name and the aliases that lead on from it, in order; undefined for a loop or an endless chain. */
function followAliases(
  message: Buffer,
  records: readonly ResourceRecord[],
  asked: string,
  type: number,
): readonly string[] | undefined {
  const chain = [asked]
  if (type === recordType.cname || !records.some(record => record.type === recordType.cname)) return chain
  const aliases = new Map<string, ResourceRecord>()
  for (const record of records) if (record.type === recordType.cname) aliases.set(record.owner, record)
  for (let alias = aliases.get(asked); alias !== undefined; alias = aliases.get(chain.at(-1) ?? '')) {
    const target = readName(message, alias.data)
    if (target === undefined || target.end !== alias.end || chain.includes(target.key) || chain.length > maxAliases) {
      return undefined
    }
    chain.push(target.key)
  }
  return chain
}

function isAliasOf(record: ResourceRecord, chain: readonly string[]): boolean {
  return record.type === recordType.cname && chain.includes(record.owner)
}

function readAddresses(message: Buffer, records: readonly ResourceRecord[]): readonly Address[] {
  const addresses: Address[] = []
  for (const record of records) {
    if (record.end - record.data !== (record.type === recordType.a ? 4 : 16)) continue
    const address = addressFromBytes(message.subarray(record.data, record.end))
    if (address !== undefined) addresses.push(address)
    if (addresses.length === maxAddresses) break
  }
  return addresses
}

/** The answer section as it is, if all of it answers the question and the names in its data can be read from here. */
function copySection(
  message: Buffer,
  start: number,
  end: number,
  records: readonly ResourceRecord[],
  type: number,
): Records | undefined {
  if (end - start > maxRecordsBytes) return undefined
  for (const record of records) {
    const belongs = [type, recordType.cname, recordType.dname, recordType.rrsig].some(known => known === record.type)
    if (!belongs || !areNamesWhole(message, record)) return undefined
  }
  return {
    count: records.length,
    // A copy of its own: a slice would keep the whole datagram buffer alive.
    bytes: Uint8Array.from(message.subarray(start, end)),
    ttlOffsets: records.map(record => (skipName(message, record.start) ?? record.start) + 4 - start),
  }
}

/** Checks the names that RFC 1035 allows to be compressed inside data, so that no trap reaches the client. */
function areNamesWhole(message: Buffer, record: ResourceRecord): boolean {
  const skip = namePosition.get(record.type)
  if (skip === undefined) return true
  const first = readName(message, record.data + skip)
  if (first === undefined) return false
  if (record.type !== recordType.soa) return first.end === record.end
  const second = readName(message, first.end)
  return second !== undefined && second.end + 20 === record.end
}

const namePosition = new Map<number, number>([
  [recordType.ns, 0],
  [recordType.cname, 0],
  [recordType.soa, 0],
  [recordType.ptr, 0],
  [recordType.mx, 2],
  [recordType.srv, 6],
  [recordType.dname, 0],
])
