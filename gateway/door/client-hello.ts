import { isIP } from 'node:net'
import { parseHostname, type Hostname } from '../net/hostname.ts'

/** A ClientHello as a handshake message is at most this long; real ones with post-quantum shares are below 4 KB. */
const maxHello = 65_536
/** A hello in more records than this is an attack on the reader, not a client. */
const maxRecords = 1024
/** Bytes on the wire that a hello within these limits can take. */
export const maxHelloBytes: number = maxHello + maxRecords * 5

/** Which server a client asks for (RFC 6066 §3). An address is not a server name, and counts as none. */
export type ServerName =
  | { readonly kind: 'name'; readonly host: Hostname }
  | { readonly kind: 'none' }
  /** Sent, but in no form that is a host name: NUL, spaces, empty labels, two names. */
  | { readonly kind: 'invalid' }

/** What the front door needs of a ClientHello (RFC 8446 §4.1.2). */
export interface ClientHello {
  readonly serverName: ServerName
  /** Protocol names in the client's order (RFC 7301), one character per byte; empty when it offered none. */
  readonly alpn: readonly string[]
  /** Encrypted ClientHello was offered, or greased: the name here is the outer one (RFC 9849). */
  readonly hasEncryptedHello: boolean
}

/** What the first bytes of a connection are, read as TLS. `need`: no verdict before so many bytes are there. */
export type HelloRead =
  | { readonly status: 'complete'; readonly hello: ClientHello }
  | { readonly status: 'incomplete'; readonly need: number }
  | { readonly status: 'not-tls' }
  | { readonly status: 'malformed' }

const recordTypeHandshake = 22
const messageClientHello = 1
const extensionServerName = 0
const extensionAlpn = 16
const extensionEncryptedHello = 0xfe0d

/**
 * Reads a ClientHello from the start of `bytes`, across as many records as it takes. Never throws. Whatever is not
 * exactly a ClientHello within its bounds is `malformed`, so that we never decide by a name that the TLS stack behind
 * us, or the origin's, would read differently.
 */
export function readClientHello(bytes: Buffer): HelloRead {
  const message = joinRecords(bytes)
  if (!Buffer.isBuffer(message)) return message
  const reader = new Reader(message.subarray(4))
  const hello = readBody(reader)
  return hello === undefined ? malformed : { status: 'complete', hello }
}

const malformed: HelloRead = { status: 'malformed' }

/** The handshake message, its header of 4 bytes included; or why it is not there. */
function joinRecords(bytes: Buffer): Buffer | HelloRead {
  const fragments: Buffer[] = []
  let joined = 0
  let wanted = 4
  let at = 0
  while (joined < wanted) {
    if (bytes.length < at + 5) return looksLikeRecord(bytes, at) ? { status: 'incomplete', need: at + 5 } : notTls(at)
    if (!looksLikeRecord(bytes, at)) return notTls(at)
    const size = bytes.readUInt16BE(at + 3)
    // RFC 8446 §5.1: no empty handshake fragments, none longer than 2^14.
    if (size === 0 || size > 16_384 || fragments.length === maxRecords) return malformed
    const fragment = bytes.subarray(at + 5, at + 5 + size)
    if (joined === 0 && fragment.length > 0 && fragment[0] !== messageClientHello) return malformed
    fragments.push(fragment)
    joined += fragment.length
    if (wanted === 4 && joined >= 4) {
      wanted = 4 + Buffer.concat(fragments, 4).readUIntBE(1, 3)
      if (wanted > maxHello) return malformed
    }
    if (fragment.length < size) return { status: 'incomplete', need: at + 5 + size }
    at += 5 + size
  }
  // A second message behind the hello would be read by nobody here: no client sends one.
  if (joined > wanted) return malformed
  return fragments.length === 1 && fragments[0] !== undefined ? fragments[0] : Buffer.concat(fragments, wanted)
}

/** Are the bytes from `at` on the header of a handshake record, as far as they are there? */
function looksLikeRecord(bytes: Buffer, at: number): boolean {
  if (bytes.length > at && bytes[at] !== recordTypeHandshake) return false
  if (bytes.length > at + 1 && bytes[at + 1] !== 3) return false
  return bytes.length <= at + 2 || (bytes[at + 2] ?? 0xff) <= 4
}

function notTls(at: number): HelloRead {
  return at === 0 ? { status: 'not-tls' } : malformed
}

function readBody(reader: Reader): ClientHello | undefined {
  const version = reader.take(2)
  if (version === undefined || version[0] !== 3) return undefined
  if (reader.take(32) === undefined) return undefined
  const session = reader.vector(1)
  const ciphers = reader.vector(2)
  const compression = reader.vector(1)
  if (session === undefined || session.length > 32 || compression === undefined || compression.length === 0)
    return undefined
  if (ciphers === undefined || ciphers.length === 0 || ciphers.length % 2 !== 0) return undefined
  if (reader.atEnd) return { serverName: { kind: 'none' }, alpn: [], hasEncryptedHello: false }

  const extensions = reader.vector(2)
  if (extensions === undefined || !reader.atEnd) return undefined
  return readExtensions(new Reader(extensions))
}

function readExtensions(reader: Reader): ClientHello | undefined {
  const seen = new Set<number>()
  let serverName: ServerName = { kind: 'none' }
  let alpn: readonly string[] = []
  while (!reader.atEnd) {
    const type = reader.uint16()
    const data = reader.vector(2)
    if (type === undefined || data === undefined || seen.has(type)) return undefined
    seen.add(type)
    if (type === extensionServerName) {
      const read = readServerName(new Reader(data))
      if (read === undefined) return undefined
      serverName = read
    } else if (type === extensionAlpn) {
      const read = readAlpn(new Reader(data))
      if (read === undefined) return undefined
      alpn = read
    }
  }
  return { serverName, alpn, hasEncryptedHello: seen.has(extensionEncryptedHello) }
}

function readServerName(reader: Reader): ServerName | undefined {
  const list = reader.vector(2)
  if (list === undefined || !reader.atEnd) return undefined
  const names = new Reader(list)
  const type = names.take(1)
  const name = names.vector(2)
  if (type === undefined || name === undefined) return undefined
  if (type[0] !== 0 || !names.atEnd) return { kind: 'invalid' }
  const text = name.toString('latin1')
  if (isIP(text) !== 0) return { kind: 'none' }
  const host = parseHostname(text)
  return host === undefined ? { kind: 'invalid' } : { kind: 'name', host }
}

function readAlpn(reader: Reader): readonly string[] | undefined {
  const list = reader.vector(2)
  if (list === undefined || !reader.atEnd || list.length === 0) return undefined
  const protocols = new Reader(list)
  const names: string[] = []
  while (!protocols.atEnd) {
    const name = protocols.vector(1)
    if (name === undefined || name.length === 0) return undefined
    names.push(name.toString('latin1'))
  }
  return names
}

/** Reads forward through bytes; what would go past the end is undefined, and nothing is read. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  take(count: number): Buffer | undefined {
    const end = this.#at + count
    if (end > this.#bytes.length) return undefined
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  uint16(): number | undefined {
    return this.take(2)?.readUInt16BE()
  }

  /** A vector with a length of `lengthBytes` before it (RFC 8446 §3.4). */
  vector(lengthBytes: 1 | 2): Buffer | undefined {
    const length = this.take(lengthBytes)
    return length === undefined ? undefined : this.take(length.readUIntBE(0, lengthBytes))
  }
}
