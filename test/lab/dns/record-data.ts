import { addressBytes } from '../address-bytes.ts'
import { nameBytes } from './names.ts'

/** Numbers of the record types that have a text form here; any other is written `TYPE123`. */
export const typeNumbers = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const satisfies Readonly<Record<string, number>>

const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(typeNumbers).map(([name, number]) => [number, name]),
)

/** A type's number from its name (`A`, `TYPE65280`). @throws Error when there is none. */
export function typeNumber(name: string): number {
  const known = new Map<string, number>(Object.entries(typeNumbers)).get(name)
  const number = known ?? Number(/^TYPE(\d+)$/.exec(name)?.[1])
  if (!Number.isInteger(number)) throw new Error(`unknown record type: ${name}`)
  return number
}

/** A type's name from its number. */
export function typeName(number: number): string {
  return typeNames.get(number) ?? `TYPE${number}`
}

/** What a record says: text in the usual zone-file form, or the bytes themselves. */
export type RecordValue = string | Uint8Array

/** The wire bytes of a record's data. Text of a type without a text form is taken as its raw bytes. */
export function recordData(type: string, value: RecordValue): Buffer {
  if (typeof value !== 'string') return Buffer.from(value)
  const words = value.split(' ')
  switch (type) {
    case 'A':
    case 'AAAA':
      return addressBytes(value)
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return nameBytes(value)
    case 'MX':
      return Buffer.concat([word16(words[0]), nameBytes(words[1] ?? '')])
    case 'SRV':
      return Buffer.concat([word16(words[0]), word16(words[1]), word16(words[2]), nameBytes(words[3] ?? '')])
    case 'SOA':
      return Buffer.concat([nameBytes(words[0] ?? ''), nameBytes(words[1] ?? ''), ...words.slice(2).map(word32)])
    case 'TXT':
      return characterStrings(Buffer.from(value, 'utf8'))
    case 'SVCB':
    case 'HTTPS':
      return Buffer.concat([word16(words[0]), nameBytes(words[1] ?? '.'), ...serviceParameters(words.slice(2))])
    default:
      return Buffer.from(value, 'latin1')
  }
}

function characterStrings(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255)
    parts.push(Buffer.from([part.length]), part)
  }
  return Buffer.concat(parts)
}

/** `alpn=h3,h2 port=443 ipv4hint=… ipv6hint=… ech=BASE64`, in key order as RFC 9460 wants. */
function serviceParameters(words: readonly string[]): Buffer[] {
  return words
    .map(word => {
      const [key = '', value = ''] = word.split(/=(.*)/s)
      const list = value.split(',')
      switch (key) {
        case 'alpn':
          return {
            key: 1,
            data: Buffer.concat(list.map(id => Buffer.concat([Buffer.from([id.length]), Buffer.from(id)]))),
          }
        case 'port':
          return { key: 3, data: word16(value) }
        case 'ipv4hint':
          return { key: 4, data: Buffer.concat(list.map(addressBytes)) }
        case 'ech':
          return { key: 5, data: Buffer.from(value, 'base64') }
        case 'ipv6hint':
          return { key: 6, data: Buffer.concat(list.map(addressBytes)) }
        default:
          throw new Error(`unknown service parameter: ${word}`)
      }
    })
    .toSorted((one, other) => one.key - other.key)
    .map(({ key, data }) => Buffer.concat([word16(String(key)), word16(String(data.length)), data]))
}

function word16(text: string | undefined): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(Number(text))
  return bytes
}

function word32(text: string): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Number(text))
  return bytes
}
