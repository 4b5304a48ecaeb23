import { unreachable } from '../errors.ts'
import { readClientHello, type ClientHello } from './client-hello.ts'

/** How a connection begins, by the first bytes of the client. */
export type Opening =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  /** Began as TLS, and is not: over its bounds, cut short, or never finished. */
  | { readonly kind: 'broken-tls' }
  | { readonly kind: 'http1' }
  /** HTTP/2 without TLS by prior knowledge (RFC 9113 §3.3). */
  | { readonly kind: 'h2c' }
  | { readonly kind: 'other' }
  /** The client said nothing: it closed, or waits for the server to speak. */
  | { readonly kind: 'silent' }

/** An opening, or how many bytes must be there before it can be told. */
export type OpeningRead = Opening | { readonly kind: 'incomplete'; readonly need: number }

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
/** The start of a request line: a method, then a target in one of its four forms (RFC 9112 §3.2). */
const requestLine = /^(?:CONNECT [\w[*.-]|[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} (?:\/|\*|https?:\/\/))/i
/** The start of what may still become one. */
const partOfRequestLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}(?: (?:h(?:t(?:t(?:p(?:s?|s?:|s?:\/)?)?)?)?)?)?$/i
/** Longest text that decides: a method of 32 characters, a space, `https://`. */
const decisiveLength = 41

/** Tells a connection's protocol by the bytes that are there so far. Pure, never throws. */
export function readOpening(bytes: Buffer): OpeningRead {
  if (bytes.length === 0) return { kind: 'incomplete', need: 1 }
  const tls = readClientHello(bytes)
  switch (tls.status) {
    case 'complete':
      return { kind: 'tls', hello: tls.hello }
    case 'incomplete':
      return { kind: 'incomplete', need: tls.need }
    case 'malformed':
      return { kind: 'broken-tls' }
    case 'not-tls':
      return readPlainOpening(bytes)
    default:
      return unreachable(tls)
  }
}

function readPlainOpening(bytes: Buffer): OpeningRead {
  const compared = Math.min(bytes.length, preface.length)
  if (bytes.subarray(0, compared).equals(preface.subarray(0, compared))) {
    return compared === preface.length ? { kind: 'h2c' } : { kind: 'incomplete', need: bytes.length + 1 }
  }
  const start = bytes.toString('latin1', 0, decisiveLength)
  if (requestLine.test(start)) return { kind: 'http1' }
  if (start.length < decisiveLength && partOfRequestLine.test(start))
    return { kind: 'incomplete', need: bytes.length + 1 }
  return { kind: 'other' }
}

/** What a connection is when no more bytes come: unfinished TLS is broken, anything else is what it is. */
export function settleOpening(bytes: Buffer): Opening {
  const read = readOpening(bytes)
  if (read.kind !== 'incomplete') return read
  if (bytes.length === 0) return { kind: 'silent' }
  return bytes[0] === 22 ? { kind: 'broken-tls' } : { kind: 'other' }
}
