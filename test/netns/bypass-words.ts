import { query } from '../gateway/dns/client.ts'
import type { Deed, Say } from './bypass-deed.ts'

// What attackers say, and what they are told: the words that the bypass tests share.

/** An honest answer of an origin. */
export const ok = /HTTP\/1\.1 200 OK/

/** A refusal that explains itself, over HTTP/1 or as curl shows HTTP/2. */
export function sentence(status: number, reason: string): RegExp {
  return new RegExp(`(?:HTTP/1\\.1|HTTP/2) ${status}[\\s\\S]*x-tidegate-reason: ${reason}[\\s\\S]*tidegate: denied`)
}

/** Any TLS alert in clear. */
export const anyAlert = new RegExp(String.raw`\x15\x03`)

/** A TLS alert of this description, in clear (RFC 8446 §6). */
export function alert(description: number): RegExp {
  return new RegExp(`\\x15\\x03\\x03\\x00\\x02\\x02\\x${description.toString(16).padStart(2, '0')}`)
}

/** HTTP/1 over TLS. */
export function https(to: string, ...say: readonly Say[]): Deed {
  return { do: 'tls', to, alpn: ['http/1.1'], say }
}

/** HTTP/1 in the clear. */
export function http(to: string, ...say: readonly Say[]): Deed {
  return { do: 'tcp', to, port: 80, say }
}

/** Bytes as they are, on the port of https unless another is given. */
export function raw(to: string, bytes: Buffer, port = 443): Deed {
  return { do: 'tcp', to, port, say: [{ hex: bytes.toString('hex') }] }
}

export function curl(...args: readonly string[]): Deed {
  return { do: 'program', file: 'curl', args: ['-sSi', '-m', '8', ...args] }
}

/** The last request of a connection. */
export function get(target: string, host: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

/** A request that others may follow. */
export function keep(target: string, host: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}

/** A request of any kind. */
export function request(method: string, target: string, host: string, lines: readonly string[], body = ''): string {
  return [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...lines, '', body].join('\r\n')
}

/** Types of DNS records by their numbers. */
export const types = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  null: 10,
  ptr: 12,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  https: 65,
  any: 255,
} as const

/** The attacker's resolver. */
export const outside = '203.0.113.53'

/** A DNS message as it is. */
export function dns(message: Buffer, over: 'udp' | 'tcp' = 'udp', server: string = outside): Deed {
  return { do: 'dns', server, over, hex: message.toString('hex') }
}

/** A question with EDNS, so that a refusal can explain itself. */
export function ask(name: string, type: number = types.a, over: 'udp' | 'tcp' = 'udp', server: string = outside): Deed {
  return dns(query(name, type, { edns: {} }), over, server)
}
